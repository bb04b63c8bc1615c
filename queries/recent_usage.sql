-- What was used, feature by feature? Read forward by history_id: each row once, as a row.
-- One row for each row of the history with an id above :since, up to :until.
--
-- created_at is a DATETIME without a zone, and history_time_zone says in which zone the application writes it; or a
-- TIMESTAMP, whose zone the server knows. An unknown zone makes each time NULL; then the server is asked for the
-- zone, and the run is a bad_result.
-- Negative tokens add nothing to the counter, which must not go down, and NULL is 0; history_invalid counts both, and
-- rows from the future.
--
-- Cost: grows with the new rows, not with the history; 0.5 ms for 60.
SELECT
    COALESCE(NULLIF(LOWER(TRIM(CONVERT(h.{usage_action} USING utf8mb4) COLLATE utf8mb4_bin)), ''), 'none') AS action,
    -- in seconds of Unix time; a fraction counts, since a window begins behind its first instant
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', CONVERT_TZ(h.{created_at}, zone.name, '+00:00')) / 1000000
    -- the hour that comes twice in autumn: CONVERT_TZ takes the first one; it was the second if that has come
    + CASE WHEN CONVERT_TZ(h.{created_at}, zone.name, '+00:00') <= UTC_TIMESTAMP() - INTERVAL 59 MINUTE
                AND CONVERT_TZ(CONVERT_TZ(h.{created_at}, zone.name, '+00:00') + INTERVAL 1 HOUR, '+00:00', zone.name)
                    = h.{created_at} THEN 3600 ELSE 0 END AS used_at,
    h.{user_id} AS user_id,
    1 AS events,
    -- of those alone whose time is still to come
    1 AS future_events,
    COALESCE(h.{tokens_used} + 0, 0) AS tokens,
    CASE WHEN h.{tokens_used} > 0 THEN h.{tokens_used} + 0 ELSE 0 END AS counted_tokens
FROM (
    -- times of a TIMESTAMP come in the zone of the session, whatever history_time_zone says
    SELECT CASE WHEN :history_time_zone = @@session.time_zone THEN :history_time_zone
                ELSE CASE (SELECT LOWER(MAX(c.data_type)) FROM information_schema.columns c
                           WHERE c.table_schema = DATABASE()
                             AND c.table_name = :token_usage_history AND c.column_name = :created_at)
                     WHEN 'timestamp' THEN @@session.time_zone ELSE :history_time_zone END END AS name
) zone
STRAIGHT_JOIN {token_usage_history} h
WHERE h.{history_id} > :since AND h.{history_id} <= :until
