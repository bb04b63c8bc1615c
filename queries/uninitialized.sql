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
-- Who has no balance (NULL) and should have one? A NULL is in order until the first use, so a sign-up or an import is no
-- finding. It is one, and counted in overdue, if the user has ever used something; or, of everybody, if most of the
-- first hundred subscriptions have none; where there are fewer, if more than nine of ten have: of eight subscribers five
-- may not have begun yet, and each balance that is there shows that balances are written.
-- Usage is looked up by user where the history has an index on user_id; where it only has one on created_at, among
-- 2,000 uses of the last day. Of whom no use is known, and who has an account for
-- longer than grace, is counted in never_used: some sign-ups never use anything, only a jump is a finding. Where usage
-- cannot be judged, who is so old is overdue; where the age of accounts (the column account_created_at of users)
-- cannot be either, every NULL is. Which of both can be, the columns usage and account_age say. An unqualified name is
-- sought in the innermost table that has it: that finds account_created_at in users, or else in the table of nothing
-- around it.
--
-- Types differ between installations (BIGINT UNSIGNED, DECIMAL, text): `+ 0` and CAST compare as numbers what is one,
-- and no difference is taken of a column as it is, since UNSIGNED has none below 0 (ERROR 1690).
--
-- The columns …_users name some of those that a column counts, for the evidence, which looks up these and no others: 10
-- of the low ones, of the others up to 1,000, so that who is new and who recovered can be told, too.
-- Cost: a scan of users, or of the part of an index on users(tokens_remaining), and a look-up for each unhealthy
-- user, up to max_counted in each look. A million users with 7,000 unhealthy ones: 135 ms of a processor
-- (MariaDB 10.11), 160 ms (MySQL 9), with the index 38 and 45 ms; when every balance is NULL 100 and 120 ms, with the
-- index 90 and 95 ms. A user without a balance and without a subscription costs a look-up too, about 1 ms for a thousand.
-- Parts are called …_part, since the name of a part hides a table that an installation calls so.
-- GROUP BY of what is the same in all rows: a table expression of which a server knows that it has one row is made
-- while it plans, so that EXPLAIN would make the looks too.
-- SQL_BIG_RESULT sorts instead of using a temporary table, which takes half as long for 10,000 users.
WITH RECURSIVE unhealthy_part AS (
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
    FROM unhealthy_part unhealthy WHERE unhealthy.once_more = 1
),
emptied_part AS (
    SELECT looked.user_id, looked.balance, 0 AS once_more
    FROM (
        SELECT u.{id} AS user_id, u.{tokens_remaining} AS balance
        FROM (SELECT COUNT(*) AS users FROM unhealthy_part unhealthy GROUP BY unhealthy.once_more) earlier
        STRAIGHT_JOIN {users} u
        WHERE earlier.users >= :max_counted
          AND (u.{tokens_remaining} IS NULL OR u.{tokens_remaining} <= 0)
          AND (SELECT 1 FROM {user_subscriptions} s WHERE s.{user_id} = u.{id} AND s.{is_active} = 1 LIMIT 1) = 1
        LIMIT :max_counted
    ) looked
    UNION ALL
    SELECT emptied.user_id, emptied.balance, 0 FROM emptied_part emptied WHERE emptied.once_more = 1
),
critical_part AS (
    SELECT looked.user_id, looked.balance, 0 AS once_more
    FROM (
        SELECT u.{id} AS user_id, u.{tokens_remaining} AS balance
        FROM (SELECT COUNT(*) AS users FROM emptied_part emptied GROUP BY emptied.once_more) earlier
        STRAIGHT_JOIN {users} u
        WHERE earlier.users >= :max_counted
          AND (u.{tokens_remaining} IS NULL OR u.{tokens_remaining} < 0)
          AND (SELECT 1 FROM {user_subscriptions} s WHERE s.{user_id} = u.{id} AND s.{is_active} = 1 LIMIT 1) = 1
        LIMIT :max_counted
    ) looked
    UNION ALL
    SELECT critical.user_id, critical.balance, 0 FROM critical_part critical WHERE critical.once_more = 1
),
judged_by_part AS (
    SELECT
        found.by_user AS by_user,
        CASE WHEN found.by_user = 0 THEN found.by_time ELSE 0 END AS by_time,
        GREATEST(found.by_user, found.by_time) AS by_usage,
        found.by_age AS by_age,
        COALESCE(CONVERT_TZ(UTC_TIMESTAMP() - INTERVAL :grace SECOND, '+00:00', found.account_zone),
                 UTC_TIMESTAMP() - INTERVAL :grace SECOND) AS accounts_before,
        CONVERT_TZ(UTC_TIMESTAMP() - INTERVAL 1 DAY, '+00:00', found.history_zone) AS usage_after,
        0 AS once_more
    FROM (
        SELECT
            COALESCE(MAX(CASE WHEN i.column_name = :user_id THEN 1 END), 0) AS by_user,
            COALESCE(MAX(CASE WHEN i.column_name = :created_at THEN 1 END), 0) AS by_time,
            (SELECT COUNT(*) FROM information_schema.columns c
             WHERE c.table_schema = DATABASE() AND c.table_name = :users AND c.column_name = :account_created_at) AS by_age,
            -- times of a TIMESTAMP come in the zone of the session, whatever history_time_zone says
            CASE (SELECT LOWER(MAX(c.data_type)) FROM information_schema.columns c
                  WHERE c.table_schema = DATABASE() AND c.table_name = :users AND c.column_name = :account_created_at)
                WHEN 'timestamp' THEN @@session.time_zone ELSE :history_time_zone END AS account_zone,
            CASE (SELECT LOWER(MAX(c.data_type)) FROM information_schema.columns c
                  WHERE c.table_schema = DATABASE()
                    AND c.table_name = :token_usage_history AND c.column_name = :created_at)
                WHEN 'timestamp' THEN @@session.time_zone ELSE :history_time_zone END AS history_zone
        FROM information_schema.statistics i
        WHERE i.table_schema = DATABASE() AND i.table_name = :token_usage_history AND i.seq_in_index = 1
    ) found
    UNION ALL
    SELECT judged_by.by_user, judged_by.by_time, judged_by.by_usage, judged_by.by_age, judged_by.accounts_before,
           judged_by.usage_after, 0
    FROM judged_by_part judged_by WHERE judged_by.once_more = 1
),
-- 1: too many of the first subscriptions have no balance, or nothing can be judged; 0: look at each
everybody_part AS (
    SELECT
        CASE WHEN MAX(sample.by_usage) = 0 AND MAX(sample.by_age) = 0 THEN 1
             WHEN COUNT(*) < 3 THEN 0
             WHEN COUNT(sample.balance) * CASE WHEN COUNT(*) < 100 THEN 10 ELSE 2 END < COUNT(*) THEN 1
             ELSE 0 END AS is_due,
        0 AS once_more
    FROM (
        SELECT u.{tokens_remaining} AS balance, judged_by.by_usage AS by_usage, judged_by.by_age AS by_age
        FROM judged_by_part judged_by
        STRAIGHT_JOIN {user_subscriptions} s
        STRAIGHT_JOIN {users} u ON u.{id} = s.{user_id}
        WHERE s.{is_active} = 1 AND s.{tokens_limit} > 0
        LIMIT 100
    ) sample
    UNION ALL
    SELECT everybody.is_due, 0 FROM everybody_part everybody WHERE everybody.once_more = 1
),
stopped_part AS (
    SELECT MAX(told.unhealthy) AS unhealthy, MAX(told.emptied) AS emptied, MAX(told.critical) AS critical
    FROM (
        SELECT 0 AS kind, COUNT(*) >= :max_counted AS unhealthy, 0 AS emptied, 0 AS critical FROM unhealthy_part unhealthy
        UNION ALL SELECT 0, 0, COUNT(*) >= :max_counted, 0 FROM emptied_part emptied
        UNION ALL SELECT 0, 0, 0, COUNT(*) >= :max_counted FROM critical_part critical
    ) told
    GROUP BY told.kind
),
subscription_part AS (
    SELECT look.user_id, look.balance, look.tokens_limit, look.plan_type
    FROM stopped_part stopped STRAIGHT_JOIN unhealthy_part look
    WHERE stopped.unhealthy = 0
    UNION ALL
    SELECT found.user_id, found.balance, s.{tokens_limit}, s.{plan_type}
    FROM (
        SELECT look.user_id, look.balance FROM stopped_part stopped STRAIGHT_JOIN unhealthy_part look
        WHERE stopped.unhealthy = 1 AND look.balance > 0
        UNION ALL
        SELECT look.user_id, look.balance FROM stopped_part stopped STRAIGHT_JOIN emptied_part look
        WHERE stopped.emptied = 0 OR look.balance = 0
        UNION ALL
        SELECT look.user_id, look.balance FROM critical_part look
    ) found
    STRAIGHT_JOIN {user_subscriptions} s ON s.{user_id} = found.user_id AND s.{is_active} = 1
),
subscriber_part AS (
    SELECT SQL_BIG_RESULT
        subscription.user_id AS user_id,
        -- bytes, such as BINARY(16), have no place in a list with commas: as SQL writes them
        CASE CHARSET(CONCAT(subscription.user_id))
            WHEN 'binary' THEN CONCAT('x''', HEX(subscription.user_id), '''')
            ELSE CONVERT(subscription.user_id USING utf8mb4) END AS listed_id,
        subscription.balance AS balance,
        MAX(subscription.tokens_limit + 0) AS tokens_limit,
        SUBSTRING(MIN(CONCAT(
            CASE WHEN subscription.tokens_limit IS NULL THEN REPEAT('9', 26)
                 ELSE LPAD(100000000000000000000 - CAST(subscription.tokens_limit AS DECIMAL(24, 4)), 26, '0') END,
            COALESCE(NULLIF(LOWER(TRIM(
                CONVERT(subscription.plan_type USING utf8mb4) COLLATE utf8mb4_bin)), ''), 'none')
        )), 27) AS plan,
        CASE WHEN subscription.balance IS NOT NULL THEN 0
             WHEN (SELECT everybody.is_due FROM everybody_part everybody) = 1 THEN 1
             WHEN (SELECT judged_by.by_user FROM judged_by_part judged_by) = 1
                  AND (SELECT 1 FROM {token_usage_history} h WHERE h.{user_id} = subscription.user_id LIMIT 1) = 1 THEN 1
             WHEN subscription.user_id IN (
                 SELECT used.user_id FROM (
                     SELECT h.{user_id} AS user_id
                     FROM judged_by_part judged_by STRAIGHT_JOIN {token_usage_history} h
                     WHERE judged_by.by_time = 1 AND h.{created_at} > judged_by.usage_after AND h.{user_id} IS NOT NULL
                     LIMIT 2000
                 ) used
             ) THEN 1
             WHEN (SELECT (SELECT {account_created_at} FROM {users} WHERE {id} = subscription.user_id)
                   FROM (SELECT NULL AS {account_created_at}) nothing)
                  < (SELECT judged_by.accounts_before FROM judged_by_part judged_by)
                 THEN (SELECT CASE judged_by.by_usage WHEN 1 THEN 2 ELSE 1 END FROM judged_by_part judged_by)
             -- 1: overdue; 2: never used anything
             ELSE 0 END AS verdict
    FROM subscription_part subscription
    GROUP BY subscription.user_id, subscription.balance
),
plan_part AS (
    SELECT SQL_BIG_RESULT
        subscriber.plan AS name,
        COUNT(CASE WHEN subscriber.balance IS NULL AND subscriber.tokens_limit > 0 THEN 1 END) AS no_balance,
        COUNT(CASE WHEN subscriber.verdict = 1 AND subscriber.tokens_limit > 0 THEN 1 END) AS overdue,
        COUNT(CASE WHEN subscriber.verdict = 2 AND subscriber.tokens_limit > 0 THEN 1 END) AS never_used,
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
        -- a list has at most 1000 ids and 60000 bytes: a cell of more than 64 KiB is refused, and the run with it
        SUBSTRING_INDEX(GROUP_CONCAT(
            CASE WHEN subscriber.verdict = 1 AND subscriber.tokens_limit > 0 THEN subscriber.listed_id END ORDER BY subscriber.user_id
        ), ',', LEAST(1000, FLOOR(60000 / (1 + MAX(LENGTH(subscriber.listed_id)))))) AS overdue_users,
        SUBSTRING_INDEX(GROUP_CONCAT(
            CASE WHEN subscriber.balance < 0 THEN subscriber.listed_id
                 WHEN subscriber.balance > 0 THEN NULL
                 WHEN subscriber.tokens_limit > 0 THEN NULL
                 ELSE subscriber.listed_id END ORDER BY subscriber.user_id
        ), ',', LEAST(1000, FLOOR(60000 / (1 + MAX(LENGTH(subscriber.listed_id)))))) AS blocked_users,
        SUBSTRING_INDEX(GROUP_CONCAT(
            CASE WHEN subscriber.balance < 0 THEN subscriber.listed_id END ORDER BY subscriber.user_id
        ), ',', LEAST(1000, FLOOR(60000 / (1 + MAX(LENGTH(subscriber.listed_id)))))) AS negative_users,
        SUBSTRING_INDEX(GROUP_CONCAT(
            CASE WHEN subscriber.balance >= 0 AND subscriber.balance < :low_balance THEN subscriber.listed_id END ORDER BY subscriber.user_id
        ), ',', 10) AS low_users
    FROM subscriber_part subscriber
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
    -- a label, so that the series says what it counts
    CASE WHEN part.is_whole = 0 THEN 'null' ELSE '' END AS balance,
    CASE WHEN part.is_whole = 0 THEN NULLIF(SUM(plan.overdue), 0) END AS overdue,
    CASE WHEN part.is_whole = 0 THEN NULLIF(SUM(plan.never_used), 0) END AS never_used,
    CASE WHEN part.is_whole = 1 THEN (SELECT judged_by.by_usage FROM judged_by_part judged_by) END AS `usage`,
    CASE WHEN part.is_whole = 1 THEN (SELECT judged_by.by_age FROM judged_by_part judged_by) END AS account_age,
    CASE WHEN part.is_whole = 0 THEN MAX(plan.overdue_users) END AS overdue_users,
    CASE WHEN part.is_whole = 0 THEN MAX(plan.blocked_users) END AS blocked_users,
    CASE WHEN part.is_whole = 0 THEN MAX(plan.negative_users) END AS negative_users,
    CASE WHEN part.is_whole = 0 THEN MAX(plan.low_users) END AS low_users
FROM stopped_part stopped
STRAIGHT_JOIN (SELECT 0 AS is_whole UNION ALL SELECT 1) part
LEFT JOIN plan_part plan ON 1 = 1
WHERE part.is_whole = 1 OR plan.name IS NOT NULL
GROUP BY part.is_whole, CASE WHEN part.is_whole = 1 THEN '' ELSE plan.name END
