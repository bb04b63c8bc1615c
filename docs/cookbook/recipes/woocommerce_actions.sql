-- Does the Action Scheduler of WooCommerce keep up? Where WordPress's cron does not run, pending actions grow old.
SELECT
    status,
    COUNT(*) AS actions,
    COALESCE(SUM(status = 'pending' AND scheduled_date_gmt < UTC_TIMESTAMP() - INTERVAL 1 HOUR), 0) AS past_due
FROM {actions}
WHERE status <> 'complete'
GROUP BY status
