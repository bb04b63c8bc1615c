-- Which columns that queries look up by are the first of an index? The keys of the three tables are among them.
-- One row for each such column that exists, always: `present` 1 or 0. `present` is NULL for a view, whose table is not seen.
-- What was never indexed is 0 and no fault; what was and no longer is, a rule with a memory finds.
--
-- Names are compared without regard to case, as information_schema does.
-- Cost: reads the definitions of three tables, 2 to 6 ms; no rows of any table.
SELECT
    CONVERT(c.table_name USING utf8mb4) AS `table`,
    CONVERT(c.column_name USING utf8mb4) AS `column`,
    CASE WHEN MAX(t.table_type) <> 'VIEW' THEN COALESCE(MAX(i.seq_in_index = 1), 0) END AS present
FROM information_schema.columns c
JOIN information_schema.tables t
    ON t.table_schema = DATABASE() AND t.table_name = c.table_name
   AND t.table_name IN (:users, :user_subscriptions, :token_usage_history)
LEFT JOIN information_schema.statistics i
    ON i.table_schema = DATABASE() AND i.table_name = c.table_name AND i.column_name = c.column_name
   AND i.table_name IN (:users, :user_subscriptions, :token_usage_history)
WHERE c.table_schema = DATABASE()
  AND c.table_name IN (:users, :user_subscriptions, :token_usage_history)
  AND (
      (c.table_name = :users AND c.column_name IN (:id, :tokens_remaining))
      OR (c.table_name = :user_subscriptions AND c.column_name IN (:subscription_id, :user_id))
      OR (c.table_name = :token_usage_history AND c.column_name IN (:history_id, :created_at))
  )
GROUP BY c.table_name, c.column_name
