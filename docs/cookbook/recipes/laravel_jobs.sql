-- How many jobs wait in each queue of Laravel, and for how long? The times are Unix seconds.
SELECT
    queue,
    SUM(reserved_at IS NULL) AS waiting,
    SUM(reserved_at IS NOT NULL) AS running,
    GREATEST(COALESCE(UNIX_TIMESTAMP() - CAST(MIN(IF(reserved_at IS NULL, available_at, NULL)) AS SIGNED), 0), 0) AS oldest_seconds
FROM {jobs}
GROUP BY queue
