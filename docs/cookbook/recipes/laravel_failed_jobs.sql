-- How many jobs of Laravel failed for good, by queue, and how many of them within the last hour?
SELECT queue, COUNT(*) AS failed, SUM(failed_at > NOW() - INTERVAL 1 HOUR) AS failed_last_hour
FROM {failed_jobs}
GROUP BY queue
