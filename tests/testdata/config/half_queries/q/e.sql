SELECT COUNT(*) AS n FROM information_schema.processlist
