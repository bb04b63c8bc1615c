-- How are the balances of all active subscribers, plan by plan?
-- One row per plan; columns for the states, in this order: NULL, negative, 0, low, ok.
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
-- Cost: one pass over users with a look-up of each user's subscriptions; 5 s (MariaDB 10.11) and 6 s (MySQL 9) with a
-- million users, so it runs every 5 minutes. Questions that only concern the unhealthy have cheaper queries of
-- their own (uninitialized).
-- SQL_BIG_RESULT sorts instead of using a temporary table (MariaDB: 3 s instead of 15 s with a million subscribers),
-- and STRAIGHT_JOIN keeps users first, so that the look-ups go through the index on user_subscriptions(user_id).
SELECT
    subscriber.plan AS plan,
    COALESCE(SUM(subscriber.balance IS NULL), 0) AS needs_init,
    COALESCE(SUM(subscriber.balance < 0), 0) AS negative,
    COALESCE(SUM(subscriber.balance = 0), 0) AS `empty`,
    COALESCE(SUM(subscriber.balance > 0 AND subscriber.balance < :low_balance), 0) AS low,
    COALESCE(SUM(subscriber.balance > 0 AND subscriber.balance >= :low_balance), 0) AS ok,
    -- a product, not a quotient: a limit of 0 divides nothing
    COALESCE(SUM(subscriber.balance >= 0 AND subscriber.tokens_limit > 0
                 AND subscriber.balance < :low_share * subscriber.tokens_limit), 0) AS below_share,
    COALESCE(SUM(subscriber.balance), 0) AS balance_tokens,
    COALESCE(SUM(subscriber.tokens_limit), 0) AS limit_tokens
FROM (
    SELECT SQL_BIG_RESULT
        u.{tokens_remaining} AS balance,
        MAX(s.{tokens_limit} + 0) AS tokens_limit,
        SUBSTRING(MIN(CONCAT(
            CASE WHEN s.{tokens_limit} IS NULL THEN REPEAT('9', 26)
                 ELSE LPAD(100000000000000000000 - CAST(s.{tokens_limit} AS DECIMAL(24, 4)), 26, '0') END,
            COALESCE(NULLIF(LOWER(TRIM(CONVERT(s.{plan_type} USING utf8mb4) COLLATE utf8mb4_bin)), ''), 'none')
        )), 27) AS plan
    FROM {users} u
    STRAIGHT_JOIN {user_subscriptions} s ON s.{user_id} = u.{id} AND s.{is_active} = 1
    GROUP BY u.{id}, u.{tokens_remaining}
) subscriber
GROUP BY subscriber.plan
