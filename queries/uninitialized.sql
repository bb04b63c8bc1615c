-- Whose balance is not healthy, of those who have an active subscription? One look at all that wakes somebody, and at
-- what is low: no balance (NULL or 0), a negative one, one below low_balance, one below the cost of an AI feature.
-- One row per plan that has such subscribers, and one for all plans together, whose plan is empty.
--
-- A plan without any has no row: its series are gone, and its alerts resolve. To keep a 0 for every plan the query
-- would have to read all subscriptions each minute, only to say what balances says. NULL in a row is no series.
--
-- Three looks, each narrower than the one before, and each only made if that one found max_counted of them and so
-- stopped counting: unhealthy (NULL, or below the dearest feature), emptied (NULL, 0, negative), critical (NULL,
-- negative). So what is critical is counted in full also where half a million users are low, and a statement does not
-- become longer the more of them there are. What was not counted in full is told: the columns unhealthy, emptied, critical are 1.
--   unhealthy stopped: low ones are counted in part, from its rows. Emptied tells of the others.
--   emptied stopped too: those at 0 are counted in part, from its rows. Critical tells of the others.
-- RECURSIVE is there because MariaDB would read a table expression again for each place that names it, but not a
-- recursive one; the part behind UNION ALL never gives a row. The first table of a narrower look has a row only if
-- the look before it stopped, so that otherwise users is not touched.
--
-- The first look joins the active subscriptions of a user, each a row, and counts these: what is known then need not be
-- looked up once more. Only if it stopped, maybe between two subscriptions of one user, all of them are. STRAIGHT_JOIN
-- begins at users: left to themselves both servers may begin at all subscriptions (2 to 3 s). The narrower looks ask by a
-- look-up whether there is one, so that two of them count once; nor by EXISTS, of which both servers make such a join.
-- Several active subscriptions of one user: the highest limit decides, then the lowest plan name; a NULL limit
-- comes last. MAX() gives the limit. For the plan, limit and name are put into one text that sorts in this order
-- (26 characters: 10^20 minus the limit), MIN() takes the first, and the digits are cut off again. Rows that are equal
-- in all columns count once. A subscription without a user counts nowhere.
-- Plan names are compared in lower case, without blanks around them, byte by byte: with the table's own collation
-- GROUP BY would pick any of the spellings, and the series would change their names from run to run.
--
-- Types differ between installations (BIGINT UNSIGNED, DECIMAL, text): `+ 0` and CAST compare as numbers what is one,
-- and no difference is taken of a column as it is, since UNSIGNED has none below 0 (ERROR 1690).
--
-- The columns …_users name up to 10 of those that a column counts, for the evidence: it looks up these, and no others.
-- Cost: a scan of users, or of the part of an index on users(tokens_remaining), and a look-up for each unhealthy
-- user, up to max_counted in each look. A million users with 7,000 unhealthy ones: 135 ms of a processor
-- (MariaDB 10.11), 160 ms (MySQL 9), with the index 38 and 45 ms; when every balance is NULL 100 and 120 ms, with the
-- index 90 and 95 ms. A user without a balance and without a subscription costs a look-up too, about 1 ms for a thousand.
-- GROUP BY of what is the same in all rows: a table expression of which a server knows that it has one row is made
-- while it plans, so that EXPLAIN would make the looks too.
-- SQL_BIG_RESULT sorts instead of using a temporary table, which takes half as long for 10,000 users.
WITH RECURSIVE unhealthy AS (
    SELECT looked.user_id, looked.balance, looked.tokens_limit, looked.plan_type, 0 AS once_more
    FROM (
        SELECT
            u.{id} AS user_id,
            u.{tokens_remaining} AS balance,
            s.{tokens_limit} AS tokens_limit,
            s.{plan_type} AS plan_type
        FROM {users} u
        STRAIGHT_JOIN {user_subscriptions} s ON s.{user_id} = u.{id} AND s.{is_active} = 1
        WHERE u.{tokens_remaining} IS NULL
           OR u.{tokens_remaining} < GREATEST(1, :low_balance, :cost_ai_rewrite, :cost_seo_title,
                                              :cost_meta_description, :cost_write_more, :cost_find_image)
        LIMIT :max_counted
    ) looked
    UNION ALL
    SELECT unhealthy.user_id, unhealthy.balance, unhealthy.tokens_limit, unhealthy.plan_type, 0
    FROM unhealthy WHERE unhealthy.once_more = 1
),
emptied AS (
    SELECT looked.user_id, looked.balance, 0 AS once_more
    FROM (
        SELECT u.{id} AS user_id, u.{tokens_remaining} AS balance
        FROM (SELECT COUNT(*) AS users FROM unhealthy GROUP BY unhealthy.once_more) earlier
        STRAIGHT_JOIN {users} u
        WHERE earlier.users >= :max_counted
          AND (u.{tokens_remaining} IS NULL OR u.{tokens_remaining} <= 0)
          AND (SELECT 1 FROM {user_subscriptions} s WHERE s.{user_id} = u.{id} AND s.{is_active} = 1 LIMIT 1) = 1
        LIMIT :max_counted
    ) looked
    UNION ALL
    SELECT emptied.user_id, emptied.balance, 0 FROM emptied WHERE emptied.once_more = 1
),
critical AS (
    SELECT looked.user_id, looked.balance, 0 AS once_more
    FROM (
        SELECT u.{id} AS user_id, u.{tokens_remaining} AS balance
        FROM (SELECT COUNT(*) AS users FROM emptied GROUP BY emptied.once_more) earlier
        STRAIGHT_JOIN {users} u
        WHERE earlier.users >= :max_counted
          AND (u.{tokens_remaining} IS NULL OR u.{tokens_remaining} < 0)
          AND (SELECT 1 FROM {user_subscriptions} s WHERE s.{user_id} = u.{id} AND s.{is_active} = 1 LIMIT 1) = 1
        LIMIT :max_counted
    ) looked
    UNION ALL
    SELECT critical.user_id, critical.balance, 0 FROM critical WHERE critical.once_more = 1
),
stopped AS (
    SELECT MAX(told.unhealthy) AS unhealthy, MAX(told.emptied) AS emptied, MAX(told.critical) AS critical
    FROM (
        SELECT 0 AS kind, COUNT(*) >= :max_counted AS unhealthy, 0 AS emptied, 0 AS critical FROM unhealthy
        UNION ALL SELECT 0, 0, COUNT(*) >= :max_counted, 0 FROM emptied
        UNION ALL SELECT 0, 0, 0, COUNT(*) >= :max_counted FROM critical
    ) told
    GROUP BY told.kind
),
subscription AS (
    SELECT look.user_id, look.balance, look.tokens_limit, look.plan_type
    FROM stopped STRAIGHT_JOIN unhealthy look
    WHERE stopped.unhealthy = 0
    UNION ALL
    SELECT found.user_id, found.balance, s.{tokens_limit}, s.{plan_type}
    FROM (
        SELECT look.user_id, look.balance FROM stopped STRAIGHT_JOIN unhealthy look
        WHERE stopped.unhealthy = 1 AND look.balance > 0
        UNION ALL
        SELECT look.user_id, look.balance FROM stopped STRAIGHT_JOIN emptied look
        WHERE stopped.emptied = 0 OR look.balance = 0
        UNION ALL
        SELECT look.user_id, look.balance FROM critical look
    ) found
    STRAIGHT_JOIN {user_subscriptions} s ON s.{user_id} = found.user_id AND s.{is_active} = 1
),
subscriber AS (
    SELECT SQL_BIG_RESULT
        subscription.user_id AS user_id,
        subscription.balance AS balance,
        MAX(subscription.tokens_limit + 0) AS tokens_limit,
        SUBSTRING(MIN(CONCAT(
            CASE WHEN subscription.tokens_limit IS NULL THEN REPEAT('9', 26)
                 ELSE LPAD(100000000000000000000 - CAST(subscription.tokens_limit AS DECIMAL(24, 4)), 26, '0') END,
            COALESCE(NULLIF(LOWER(TRIM(
                CONVERT(subscription.plan_type USING utf8mb4) COLLATE utf8mb4_bin)), ''), 'none')
        )), 27) AS plan
    FROM subscription
    GROUP BY subscription.user_id, subscription.balance
),
plan AS (
    SELECT SQL_BIG_RESULT
        subscriber.plan AS name,
        COUNT(CASE WHEN subscriber.balance IS NULL AND subscriber.tokens_limit > 0 THEN 1 END) AS no_balance,
        COUNT(CASE WHEN subscriber.balance = 0 AND subscriber.tokens_limit > 0 THEN 1 END) AS zero,
        COUNT(CASE WHEN subscriber.balance < 0 THEN 1 END) AS negative,
        COUNT(CASE WHEN subscriber.balance >= 0 AND subscriber.balance < :low_balance THEN 1 END) AS low,
        -- auto-initialisation saves NULL and 0 where the limit is positive, and nobody else
        COUNT(CASE WHEN subscriber.balance < 0 THEN 1
                   WHEN subscriber.balance > 0 THEN NULL
                   WHEN subscriber.tokens_limit > 0 THEN NULL
                   ELSE 1 END) AS blocked,
        COUNT(CASE WHEN subscriber.balance < :cost_ai_rewrite THEN 1 END) AS ai_rewrite,
        COUNT(CASE WHEN subscriber.balance < :cost_seo_title THEN 1 END) AS seo_title,
        COUNT(CASE WHEN subscriber.balance < :cost_meta_description THEN 1 END) AS meta_description,
        COUNT(CASE WHEN subscriber.balance < :cost_write_more THEN 1 END) AS write_more,
        COUNT(CASE WHEN subscriber.balance < :cost_find_image THEN 1 END) AS find_image,
        SUBSTRING_INDEX(GROUP_CONCAT(
            CASE WHEN subscriber.balance IS NULL AND subscriber.tokens_limit > 0 THEN subscriber.user_id END ORDER BY subscriber.user_id
        ), ',', 10) AS null_users,
        SUBSTRING_INDEX(GROUP_CONCAT(
            CASE WHEN subscriber.balance < 0 THEN subscriber.user_id
                 WHEN subscriber.balance > 0 THEN NULL
                 WHEN subscriber.tokens_limit > 0 THEN NULL
                 ELSE subscriber.user_id END ORDER BY subscriber.user_id
        ), ',', 10) AS blocked_users,
        SUBSTRING_INDEX(GROUP_CONCAT(
            CASE WHEN subscriber.balance < 0 THEN subscriber.user_id END ORDER BY subscriber.user_id
        ), ',', 10) AS negative_users,
        SUBSTRING_INDEX(GROUP_CONCAT(
            CASE WHEN subscriber.balance >= 0 AND subscriber.balance < :low_balance THEN subscriber.user_id END ORDER BY subscriber.user_id
        ), ',', 10) AS low_users
    FROM subscriber
    GROUP BY subscriber.plan
)
SELECT
    CASE WHEN part.is_whole = 1 THEN '' ELSE plan.name END AS plan,
    CASE WHEN part.is_whole = 0 AND SUM(plan.no_balance + plan.zero) > 0 THEN SUM(plan.no_balance) END AS `null`,
    CASE WHEN part.is_whole = 0 AND SUM(plan.no_balance + plan.zero) > 0 THEN SUM(plan.zero) END AS zero,
    CASE WHEN part.is_whole = 0 THEN NULLIF(SUM(plan.blocked), 0) END AS blocked,
    CASE WHEN part.is_whole = 0 THEN NULLIF(SUM(plan.negative), 0) END AS negative,
    CASE WHEN part.is_whole = 0 THEN NULLIF(SUM(plan.low), 0) END AS below_low_balance,
    CASE WHEN part.is_whole = 1 THEN COALESCE(SUM(plan.ai_rewrite), 0) END AS ai_rewrite,
    CASE WHEN part.is_whole = 1 THEN COALESCE(SUM(plan.seo_title), 0) END AS seo_title,
    CASE WHEN part.is_whole = 1 THEN COALESCE(SUM(plan.meta_description), 0) END AS meta_description,
    CASE WHEN part.is_whole = 1 THEN COALESCE(SUM(plan.write_more), 0) END AS write_more,
    CASE WHEN part.is_whole = 1 THEN COALESCE(SUM(plan.find_image), 0) END AS find_image,
    CASE WHEN part.is_whole = 1 THEN MAX(stopped.unhealthy) END AS unhealthy,
    CASE WHEN part.is_whole = 1 THEN MAX(stopped.emptied) END AS emptied,
    CASE WHEN part.is_whole = 1 THEN MAX(stopped.critical) END AS critical,
    CASE WHEN part.is_whole = 0 THEN MAX(plan.null_users) END AS null_users,
    CASE WHEN part.is_whole = 0 THEN MAX(plan.blocked_users) END AS blocked_users,
    CASE WHEN part.is_whole = 0 THEN MAX(plan.negative_users) END AS negative_users,
    CASE WHEN part.is_whole = 0 THEN MAX(plan.low_users) END AS low_users
FROM stopped
STRAIGHT_JOIN (SELECT 0 AS is_whole UNION ALL SELECT 1) part
LEFT JOIN plan ON 1 = 1
WHERE part.is_whole = 1 OR plan.name IS NOT NULL
GROUP BY part.is_whole, CASE WHEN part.is_whole = 1 THEN '' ELSE plan.name END
