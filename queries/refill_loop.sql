-- Whose balance equals the limit although they used something within the hour: is what they spend filled up for free?
-- One row per plan that has such subscribers. An upgrade or a repair within the hour looks the same: see the runbook.
--
-- Several active subscriptions of one user: the highest limit decides, then the lowest plan name; a NULL limit
-- comes last. MAX() gives the limit. For the plan, limit and name are put into one text that sorts in this order
-- (26 characters: 10^20 minus the limit), MIN() takes the first, and the digits are cut off again. Rows that are equal
-- in all columns count once. A subscription without a user counts nowhere.
-- Plan names are compared in lower case, without blanks around them, byte by byte: with the table's own collation
-- GROUP BY would pick any of the spellings, and the series would change their names from run to run.
-- created_at is a DATETIME without a zone, and history_time_zone says in which zone the application writes it; or a
-- TIMESTAMP, whose zone the server knows. The ends of the windows are converted, not the column: an index on
-- created_at stays usable.
-- A row from the future counts as of now. An unknown zone makes the bound NULL: then all rows qualify and refilled is
-- NULL, which makes the run a bad_result, not a silent nothing.
--
-- Types differ between installations (BIGINT UNSIGNED, DECIMAL, text): `+ 0` and CAST compare as numbers what is one,
-- and no difference is taken of a column as it is, since UNSIGNED has none below 0 (ERROR 1690).
-- Cost: begins at the users of the last hour, 30 ms for 3,600 rows with an index on created_at; without it a
-- pass over the history, 1 s for 5 million rows. STRAIGHT_JOIN keeps that order.
SELECT
    subscriber.plan AS plan,
    CASE WHEN MIN(subscriber.is_zone_known) = 1 THEN COUNT(*) END AS refilled,
    -- up to 10 of them, for the evidence: the list of all would be cut where it is longer than group_concat_max_len
    GROUP_CONCAT(CASE WHEN subscriber.place <= 10 THEN subscriber.user_id END ORDER BY subscriber.user_id)
        AS refilled_users
FROM (
    SELECT
        found.plan AS plan,
        found.user_id AS user_id,
        found.is_zone_known AS is_zone_known,
        ROW_NUMBER() OVER (PARTITION BY found.plan ORDER BY found.user_id) AS place
    FROM (
        SELECT SQL_BIG_RESULT
            u.{id} AS user_id,
            MIN(recent.is_zone_known) AS is_zone_known,
            SUBSTRING(MIN(CONCAT(
                CASE WHEN s.{tokens_limit} IS NULL THEN REPEAT('9', 26)
                     ELSE LPAD(100000000000000000000 - CAST(s.{tokens_limit} AS DECIMAL(24, 4)), 26, '0') END,
                COALESCE(NULLIF(LOWER(TRIM(CONVERT(s.{plan_type} USING utf8mb4) COLLATE utf8mb4_bin)), ''), 'none')
            )), 27) AS plan
        FROM (
            SELECT DISTINCT
                h.{user_id} AS user_id,
                CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', zone.name) IS NOT NULL AS is_zone_known
            FROM (
                -- times of a TIMESTAMP come in the zone of the session, whatever history_time_zone says
                SELECT CASE WHEN :history_time_zone = @@session.time_zone THEN :history_time_zone
                            ELSE CASE (SELECT LOWER(MAX(c.data_type)) FROM information_schema.columns c
                                       WHERE c.table_schema = DATABASE()
                                         AND c.table_name = :token_usage_history AND c.column_name = :created_at)
                                 WHEN 'timestamp' THEN @@session.time_zone ELSE :history_time_zone END END AS name
            ) zone
            STRAIGHT_JOIN {token_usage_history} h
            WHERE h.{created_at} > COALESCE(CONVERT_TZ(UTC_TIMESTAMP() - INTERVAL 1 HOUR, '+00:00', zone.name),
                                            CAST('1000-01-01' AS DATETIME))
        ) recent
        STRAIGHT_JOIN {users} u ON u.{id} = recent.user_id
        STRAIGHT_JOIN {user_subscriptions} s ON s.{user_id} = u.{id} AND s.{is_active} = 1
        GROUP BY u.{id}
        HAVING MAX(s.{tokens_limit} + 0) > 0 AND MAX(s.{tokens_limit} + 0) = MAX(u.{tokens_remaining} + 0)
    ) found
) subscriber
GROUP BY subscriber.plan
