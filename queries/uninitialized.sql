-- Which active subscribers have no balance (NULL or 0) although their plan gives them one?
-- One row per plan that has such subscribers.
--
-- A plan without any has no row: its series are gone, and its alert resolves. To keep a 0 for every plan the query
-- would have to read all subscriptions each minute, only to say what balances says every 5 minutes.
--
-- Several active subscriptions of one user: the highest limit decides, then the lowest plan name; a NULL limit
-- comes last. MAX() gives the limit. For the plan, limit and name are put into one text that sorts in this order
-- (26 characters: 10^20 minus the limit), MIN() takes the first, and the digits are cut off again. Rows that are equal
-- in all columns count once. A subscription without a user counts nowhere.
-- Plan names are compared in lower case, without blanks around them, byte by byte: with the table's own collation
-- GROUP BY would pick any of the spellings, and the series would change their names from run to run.
--
-- Types differ between installations (BIGINT UNSIGNED, DECIMAL, text): `+ 0` and CAST compare as numbers what is one,
-- and no difference is taken of a column as it is, since UNSIGNED has none below 0 (ERROR 1690).
-- Cost: grows with the unhealthy: 0.2 s for 1,000 among a million users (a scan of users; milliseconds with an index
-- on users(tokens_remaining)). When all are NULL, as after the column was added anew: 3 s (MariaDB 10.11), 5 s (MySQL 9).
-- SQL_BIG_RESULT sorts instead of using a temporary table (MariaDB: 3 s instead of 15 s with a million subscribers),
-- and STRAIGHT_JOIN keeps users first, so that the look-ups go through the index on user_subscriptions(user_id).
SELECT
    subscriber.plan AS plan,
    COALESCE(SUM(subscriber.balance IS NULL), 0) AS `null`,
    COALESCE(SUM(subscriber.balance = 0), 0) AS zero
FROM (
    SELECT SQL_BIG_RESULT
        u.{tokens_remaining} AS balance,
        SUBSTRING(MIN(CONCAT(
            CASE WHEN s.{tokens_limit} IS NULL THEN REPEAT('9', 26)
                 ELSE LPAD(100000000000000000000 - CAST(s.{tokens_limit} AS DECIMAL(24, 4)), 26, '0') END,
            COALESCE(NULLIF(LOWER(TRIM(CONVERT(s.{plan_type} USING utf8mb4) COLLATE utf8mb4_bin)), ''), 'none')
        )), 27) AS plan
    FROM {users} u
    STRAIGHT_JOIN {user_subscriptions} s ON s.{user_id} = u.{id} AND s.{is_active} = 1
    WHERE u.{tokens_remaining} IS NULL OR u.{tokens_remaining} = 0
    GROUP BY u.{id}, u.{tokens_remaining}
    HAVING MAX(s.{tokens_limit} + 0) > 0
) subscriber
GROUP BY subscriber.plan
