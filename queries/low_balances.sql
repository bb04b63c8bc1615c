-- How many active subscribers have less than low_balance tokens left (0 included; NULL and negative are findings of
-- their own)? One row per plan that has such subscribers; a plan without any has no row, and its alert resolves.
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
-- Cost: a scan of users (0.2 s with a million) plus a look-up for each low balance; an index on
-- users(tokens_remaining) saves the scan.
-- SQL_BIG_RESULT sorts instead of using a temporary table (MariaDB: 3 s instead of 15 s with a million subscribers),
-- and STRAIGHT_JOIN keeps users first, so that the look-ups go through the index on user_subscriptions(user_id).
SELECT
    subscriber.plan AS plan,
    COUNT(*) AS below_low_balance
FROM (
    SELECT SQL_BIG_RESULT
        SUBSTRING(MIN(CONCAT(
            CASE WHEN s.{tokens_limit} IS NULL THEN REPEAT('9', 26)
                 ELSE LPAD(100000000000000000000 - CAST(s.{tokens_limit} AS DECIMAL(24, 4)), 26, '0') END,
            COALESCE(NULLIF(LOWER(TRIM(CONVERT(s.{plan_type} USING utf8mb4) COLLATE utf8mb4_bin)), ''), 'none')
        )), 27) AS plan
    FROM {users} u
    STRAIGHT_JOIN {user_subscriptions} s ON s.{user_id} = u.{id} AND s.{is_active} = 1
    WHERE u.{tokens_remaining} >= 0 AND u.{tokens_remaining} < :low_balance
    GROUP BY u.{id}, u.{tokens_remaining}
) subscriber
GROUP BY subscriber.plan
