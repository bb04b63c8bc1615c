-- Which new rows of the usage history cannot be true? Read forward by history_id: each row is judged once, minutes after
-- it came. One row for the rows with an id above :since, up to :until: how many there are, and how many of each kind:
--   null_tokens, zero_tokens, negative_tokens: a use that cost nothing, or gave tokens back
--   null_time; future_time: by more than a minute; late_time: it came after :since_at and is dated more than late_after before
--   unknown_action: not in known_actions, where blanks and hyphens count as underscores; an empty known_actions allows all
--   unknown_user: none, or no such user (any more); without a subscription: usage_without_subscription
-- A row may be of several kinds. Nothing of a row makes the statement fail.
--
-- created_at is a DATETIME without a zone, and history_time_zone says in which zone the application writes it; or a
-- TIMESTAMP, whose zone the server knows. In an unknown zone no time is future or late; recent_usage tells of the zone.
--
-- Cost: grows with the new rows, not with the history: a look-up of the user each, 0.5 ms for 60.
SELECT
    COUNT(*) AS judged,
    COALESCE(SUM(h.{tokens_used} IS NULL), 0) AS null_tokens,
    COALESCE(SUM(h.{tokens_used} = 0), 0) AS zero_tokens,
    COALESCE(SUM(h.{tokens_used} < 0), 0) AS negative_tokens,
    COALESCE(SUM(h.{created_at} IS NULL), 0) AS null_time,
    -- in the hour after a clock was set back in autumn: than it showed before
    COALESCE(SUM(h.{created_at} > GREATEST(
        CONVERT_TZ(UTC_TIMESTAMP() + INTERVAL 1 MINUTE, '+00:00', zone.name),
        CONVERT_TZ(UTC_TIMESTAMP() - INTERVAL 59 MINUTE, '+00:00', zone.name) + INTERVAL 1 HOUR)), 0) AS future_time,
    CASE WHEN :since_at > 0
         THEN COALESCE(SUM(h.{created_at} < LEAST(
             CONVERT_TZ(CAST('1970-01-01 00:00:00' AS DATETIME) + INTERVAL (:since_at - :late_after) SECOND,
                        '+00:00', zone.name),
             CONVERT_TZ(CAST('1970-01-01 00:00:00' AS DATETIME) + INTERVAL :since_at SECOND,
                        '+00:00', zone.name) - INTERVAL :late_after SECOND)), 0)
         ELSE 0 END AS late_time,
    CASE WHEN :known_actions = '' THEN 0
         ELSE COALESCE(SUM(FIND_IN_SET(
             REPLACE(REPLACE(COALESCE(LOWER(TRIM(CONVERT(h.{usage_action} USING utf8mb4) COLLATE utf8mb4_bin)), ''),
                             ' ', '_'), '-', '_'),
             REPLACE(REPLACE(REPLACE(REPLACE(LOWER(TRIM(:known_actions)), ', ', ','), ' ,', ','), ' ', '_'), '-', '_')
         ) = 0), 0) END AS unknown_action,
    COALESCE(SUM(u.{id} IS NULL), 0) AS unknown_user
FROM (
    -- times of a TIMESTAMP come in the zone of the session, whatever history_time_zone says
    SELECT CASE WHEN :history_time_zone = @@session.time_zone THEN :history_time_zone
                ELSE CASE (SELECT LOWER(MAX(c.data_type)) FROM information_schema.columns c
                           WHERE c.table_schema = DATABASE()
                             AND c.table_name = :token_usage_history AND c.column_name = :created_at)
                     WHEN 'timestamp' THEN @@session.time_zone ELSE :history_time_zone END END AS name
) zone
STRAIGHT_JOIN {token_usage_history} h
LEFT JOIN {users} u ON u.{id} = h.{user_id}
WHERE h.{history_id} > :since AND h.{history_id} <= :until
