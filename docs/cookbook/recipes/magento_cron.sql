-- What does Magento's cron do? A job that stays at `running` keeps all later ones of its code from running.
-- Magento writes UTC.
SELECT
    status,
    COUNT(*) AS jobs,
    COALESCE(MAX(TIMESTAMPDIFF(SECOND, CASE status WHEN 'running' THEN executed_at WHEN 'pending' THEN scheduled_at END,
                               UTC_TIMESTAMP())), 0) AS oldest_seconds,
    COALESCE(SUM(status = 'pending' AND scheduled_at < UTC_TIMESTAMP()), 0) AS overdue
FROM {cron_schedule}
GROUP BY status
