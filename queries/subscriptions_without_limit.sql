-- How many active subscriptions give nothing: no limit, or none above 0? Of users with a key above :from_key, up to :to_key.
-- One row per plan that has such subscriptions. Subscriptions are counted, not users; also those of users that are gone.
--
-- Plan names are compared in lower case, without blanks around them, byte by byte: with the table's own collation
-- GROUP BY would pick any of the spellings, and the series would change their names from run to run.
--
-- Cost: a range of the index on user_subscriptions(user_id), and a look-up of each row.
SELECT
    COALESCE(NULLIF(LOWER(TRIM(CONVERT(useless.plan_type USING utf8mb4) COLLATE utf8mb4_bin)), ''), 'none') AS plan,
    SUM(useless.subscriptions) AS without_limit
FROM (
    SELECT MAX(s.{plan_type}) AS plan_type, COUNT(*) AS subscriptions
    FROM {user_subscriptions} s
    WHERE s.{is_active} = 1 AND (s.{tokens_limit} IS NULL OR s.{tokens_limit} <= 0)
      AND s.{user_id} > :from_key AND s.{user_id} <= :to_key
    GROUP BY CAST(s.{plan_type} AS BINARY)
) useless
GROUP BY plan
