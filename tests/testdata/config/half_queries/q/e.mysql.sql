SELECT COUNT(*) AS n FROM performance_schema.threads
