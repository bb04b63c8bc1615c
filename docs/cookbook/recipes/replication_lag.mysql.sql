-- How many seconds is each source's replication behind? That of the oldest transaction that is being applied.
-- The account wants SELECT on performance_schema.
SELECT
    applied.channel_name AS Connection_name,
    MAX(GREATEST(TIMESTAMPDIFF(SECOND, applied.committed_at, NOW(6)), 0)) AS Seconds_Behind_Master
FROM (
    SELECT w.channel_name, IF(w.applying_transaction = '', NOW(6), w.applying_transaction_original_commit_timestamp) AS committed_at
    FROM performance_schema.replication_applier_status_by_worker w
    WHERE w.service_state = 'ON'
    UNION ALL
    SELECT c.channel_name, IF(c.processing_transaction = '', NOW(6), c.processing_transaction_original_commit_timestamp)
    FROM performance_schema.replication_applier_status_by_coordinator c
    WHERE c.service_state = 'ON'
) applied
GROUP BY applied.channel_name
