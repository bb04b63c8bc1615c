-- How many e-mails wait in the outbox of django-post-office, and how long did those of the last hour wait?
-- Django writes UTC. The states are 0 sent, 1 failed, 2 queued, 3 requeued.
SELECT
    COALESCE(SUM(status IN (2, 3)), 0) AS queued,
    COALESCE(SUM(status = 1), 0) AS failed,
    COALESCE(MAX(IF(status IN (2, 3), TIMESTAMPDIFF(SECOND, created, UTC_TIMESTAMP()), 0)), 0) AS oldest_seconds,
    COALESCE(SUM(status = 0 AND TIMESTAMPDIFF(SECOND, created, last_updated) <= 10), 0) AS within_10,
    COALESCE(SUM(status = 0 AND TIMESTAMPDIFF(SECOND, created, last_updated) <= 60), 0) AS within_60,
    COALESCE(SUM(status = 0 AND TIMESTAMPDIFF(SECOND, created, last_updated) <= 600), 0) AS within_600,
    COALESCE(SUM(status = 0), 0) AS sent,
    COALESCE(SUM(IF(status = 0, TIMESTAMPDIFF(SECOND, created, last_updated), 0)), 0) AS waited
FROM {outbox}
WHERE last_updated > UTC_TIMESTAMP() - INTERVAL 1 HOUR OR status IN (2, 3)
