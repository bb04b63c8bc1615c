-- What was used in the last 5 minutes, hour and day, feature by feature?
-- Three rows (windows) per action that was used within a day; an action without any use in that time has no rows.
--
-- created_at is a DATETIME without a zone, and history_time_zone says in which zone the application writes it; or a
-- TIMESTAMP, whose zone the server knows. The ends of the windows are converted, not the column: an index on
-- created_at stays usable.
-- A row from the future counts as of now, so it is in every window, and is counted by itself as well: a number
-- above 0 there means a clock that is ahead, or a wrong history_time_zone.
-- An unknown zone makes every bound NULL: then the whole history qualifies and the sums are NULL, which makes the run a
-- bad_result. Without that it would look as if nobody used anything.
--
-- Cost: one pass over a day's rows, 0.6 s for 86,000 with an index on created_at; without it a pass over all
-- rows, 1 to 2 s for 5 million. The windows are summed in that one pass and turned into rows afterwards.
SELECT
    per_action.action_name AS action,
    spans.span AS `window`,
    CASE spans.span WHEN '5m' THEN per_action.events_5m
                    WHEN '1h' THEN per_action.events_1h ELSE per_action.events_24h END AS events,
    CASE spans.span WHEN '5m' THEN per_action.tokens_5m
                    WHEN '1h' THEN per_action.tokens_1h ELSE per_action.tokens_24h END AS tokens,
    CASE spans.span WHEN '5m' THEN per_action.users_5m
                    WHEN '1h' THEN per_action.users_1h ELSE per_action.users_24h END AS users,
    -- once per action, not once per window; the other rows are skipped
    CASE spans.span WHEN '24h' THEN per_action.future_events END AS future_events
FROM (
    SELECT
        -- not the column's name: GROUP BY would take the column, with its own collation
        COALESCE(NULLIF(LOWER(TRIM(CONVERT(h.{usage_action} USING utf8mb4) COLLATE utf8mb4_bin)), ''), 'none') AS action_name,
        SUM(h.{created_at} > CONVERT_TZ(UTC_TIMESTAMP() - INTERVAL 5 MINUTE, '+00:00', zone.name)) AS events_5m,
        SUM(h.{created_at} > CONVERT_TZ(UTC_TIMESTAMP() - INTERVAL 1 HOUR, '+00:00', zone.name)) AS events_1h,
        SUM(h.{created_at} > CONVERT_TZ(UTC_TIMESTAMP() - INTERVAL 1 DAY, '+00:00', zone.name)) AS events_24h,
        SUM(CASE WHEN h.{created_at} > CONVERT_TZ(UTC_TIMESTAMP() - INTERVAL 5 MINUTE, '+00:00', zone.name)
                 THEN COALESCE(h.{tokens_used}, 0) ELSE 0 END) AS tokens_5m,
        SUM(CASE WHEN h.{created_at} > CONVERT_TZ(UTC_TIMESTAMP() - INTERVAL 1 HOUR, '+00:00', zone.name)
                 THEN COALESCE(h.{tokens_used}, 0) ELSE 0 END) AS tokens_1h,
        SUM(COALESCE(h.{tokens_used}, 0)) AS tokens_24h,
        COUNT(DISTINCT CASE WHEN h.{created_at} > CONVERT_TZ(UTC_TIMESTAMP() - INTERVAL 5 MINUTE, '+00:00', zone.name)
                            THEN h.{user_id} END) AS users_5m,
        COUNT(DISTINCT CASE WHEN h.{created_at} > CONVERT_TZ(UTC_TIMESTAMP() - INTERVAL 1 HOUR, '+00:00', zone.name)
                            THEN h.{user_id} END) AS users_1h,
        COUNT(DISTINCT h.{user_id}) AS users_24h,
        SUM(h.{created_at} > CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', zone.name)) AS future_events
    FROM (
        -- times of a TIMESTAMP come in the zone of the session, whatever history_time_zone says
        SELECT CASE WHEN :history_time_zone = @@session.time_zone THEN :history_time_zone
                    ELSE CASE (SELECT LOWER(MAX(c.data_type)) FROM information_schema.columns c
                               WHERE c.table_schema = DATABASE()
                                 AND c.table_name = :token_usage_history AND c.column_name = :created_at)
                         WHEN 'timestamp' THEN @@session.time_zone ELSE :history_time_zone END END AS name
    ) zone
    STRAIGHT_JOIN {token_usage_history} h
    WHERE h.{created_at} > COALESCE(CONVERT_TZ(UTC_TIMESTAMP() - INTERVAL 1 DAY, '+00:00', zone.name),
                                    CAST('1000-01-01' AS DATETIME))
    GROUP BY action_name
) per_action
CROSS JOIN (SELECT '5m' AS span UNION ALL SELECT '1h' UNION ALL SELECT '24h') spans
