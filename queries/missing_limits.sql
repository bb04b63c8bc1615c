-- Have the limits of a plan gone? A look at the first :looked_at active subscriptions, plan by plan: how many they are,
-- and how many of them have a limit that is NULL, 0 or below.
--
-- It is a sample, so that it costs next to nothing each minute: what sets the limits of a plan wrong hits all of them,
-- and so those that are looked at. Single ones are counted by subscriptions_without_limit, a little at a time.
-- Without an order: they come as they lie in the table, the same ones at each look.
-- Plan names are compared in lower case, without blanks around them, byte by byte, as in balances.
--
-- Cost: reads until it has that many active subscriptions, 2 ms for 2,000; few that are active among the first make it more.
SELECT
    COALESCE(NULLIF(LOWER(TRIM(CONVERT(looked.plan_type USING utf8mb4) COLLATE utf8mb4_bin)), ''), 'none') AS plan,
    COUNT(*) AS looked_at,
    SUM(CASE WHEN looked.tokens_limit > 0 THEN 0 ELSE 1 END) AS without_limit
FROM (
    SELECT s.{plan_type} AS plan_type, s.{tokens_limit} AS tokens_limit
    FROM {user_subscriptions} s
    WHERE s.{is_active} = 1
    LIMIT :looked_at
) looked
GROUP BY plan
