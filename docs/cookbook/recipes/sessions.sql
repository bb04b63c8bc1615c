-- Who is connected, how often, and how many of them do something? The account wants PROCESS.
SELECT user, COUNT(*) AS sessions, SUM(command NOT IN ('Sleep', 'Daemon')) AS busy
FROM information_schema.processlist
GROUP BY user
