-- How many orders of the last 30 days are in each state, and how long ago did the last one come?
SELECT
    REPLACE(status, 'wc-', '') AS status,
    COUNT(*) AS orders,
    TIMESTAMPDIFF(SECOND, MAX(date_created_gmt), UTC_TIMESTAMP()) AS newest_seconds
FROM {orders}
WHERE type = 'shop_order' AND date_created_gmt > UTC_TIMESTAMP() - INTERVAL 30 DAY
GROUP BY status
