-- When was an AI feature last used, and how long ago is that?
-- One row, always.
--
-- created_at is a DATETIME without a zone, and history_time_zone says in which zone the application writes it; or a
-- TIMESTAMP, whose zone the server knows. The ends of the windows are converted, not the column: an index on
-- created_at stays usable.
-- Rows from the future are not taken for the last use as long as there are others: one row of the year 2099 would
-- hide any silence. If there are only such rows, the last use is now; never is it later. recent_usage counts them.
-- An empty history has no last use (NULL: no series, no alert, since nothing can stop that never began) and says so
-- in history_empty. An unknown zone makes history_empty NULL, and so the run a bad_result.
--
-- What else the table says, found_text tells, once there was no new row for ten minutes: rows without a time, or with one
-- that is still to come, and when it was last changed at all, as far as the server knows (not of a view, nor after its
-- restart until the next change; an update and a purge change it too).
--
-- Cost: a look at the end of the index on created_at; without one a pass over all rows, 1 s for 5 million.
SELECT
    TIMESTAMPDIFF(SECOND, '1970-01-01 00:00:00', latest.last_event_at) AS last_event,
    TIMESTAMPDIFF(SECOND, latest.last_event_at, UTC_TIMESTAMP()) AS age_seconds,
    DATE_FORMAT(latest.last_event_at, '%Y-%m-%d %H:%i:%s UTC') AS last_event_text,
    CASE WHEN latest.is_zone_known THEN latest.has_events = 0 END AS history_empty,
    CASE WHEN TIMESTAMPDIFF(SECOND, latest.last_event_at, UTC_TIMESTAMP()) <= 600 THEN ''
         ELSE CONCAT(
             COALESCE(CONCAT(' Beside it ', NULLIF((
                 SELECT COUNT(*) FROM {token_usage_history} h WHERE h.{created_at} IS NULL
             ), 0), ' rows have no time.'), ''),
             COALESCE(CONCAT(' Beside it ', NULLIF((
                 SELECT COUNT(*)
                 FROM (
                     SELECT CASE WHEN :history_time_zone = @@session.time_zone THEN :history_time_zone
                                 ELSE CASE (SELECT LOWER(MAX(c.data_type)) FROM information_schema.columns c
                                            WHERE c.table_schema = DATABASE() AND c.table_name = :token_usage_history
                                              AND c.column_name = :created_at)
                                      WHEN 'timestamp' THEN @@session.time_zone ELSE :history_time_zone END END AS name
                 ) zone
                 STRAIGHT_JOIN {token_usage_history} h
                 -- or than the clock showed before it was set back in autumn
                 WHERE h.{created_at} > GREATEST(
                     CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', zone.name),
                     CONVERT_TZ(UTC_TIMESTAMP() - INTERVAL 1 HOUR, '+00:00', zone.name) + INTERVAL 1 HOUR)
             ), 0), ' rows have a time that is still to come.'), ''),
             COALESCE((SELECT CONCAT(' The table itself was last changed at ',
                                     DATE_FORMAT(MAX(t.update_time), '%Y-%m-%d %H:%i:%s'), ' UTC.')
                       FROM information_schema.tables t
                       WHERE t.table_schema = DATABASE() AND t.table_name = :token_usage_history), '')
         ) END AS found_text
FROM (
    SELECT
        found.has_events AS has_events,
        found.is_zone_known AS is_zone_known,
        CASE WHEN found.has_events = 0 OR found.is_zone_known = 0 THEN NULL
             WHEN found.newest_at IS NULL THEN UTC_TIMESTAMP()
             -- the hour that comes twice in autumn: CONVERT_TZ takes the first one; it was the second if that has come
             WHEN CONVERT_TZ(found.newest_at, found.zone_name, '+00:00') <= UTC_TIMESTAMP() - INTERVAL 1 HOUR
                  AND CONVERT_TZ(CONVERT_TZ(found.newest_at, found.zone_name, '+00:00') + INTERVAL 1 HOUR,
                                 '+00:00', found.zone_name) = found.newest_at
                  THEN CONVERT_TZ(found.newest_at, found.zone_name, '+00:00') + INTERVAL 1 HOUR
             ELSE CONVERT_TZ(found.newest_at, found.zone_name, '+00:00') END AS last_event_at
    FROM (
        SELECT
            zone.name AS zone_name,
            CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', zone.name) IS NOT NULL AS is_zone_known,
            EXISTS (SELECT 1 FROM {token_usage_history} h WHERE h.{created_at} IS NOT NULL) AS has_events,
            (SELECT MAX(h.{created_at}) FROM {token_usage_history} h
             WHERE h.{created_at} <= CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', zone.name)) AS newest_at
        FROM (
            -- times of a TIMESTAMP come in the zone of the session, whatever history_time_zone says
            SELECT CASE WHEN :history_time_zone = @@session.time_zone THEN :history_time_zone
                        ELSE CASE (SELECT LOWER(MAX(c.data_type)) FROM information_schema.columns c
                                   WHERE c.table_schema = DATABASE()
                                     AND c.table_name = :token_usage_history AND c.column_name = :created_at)
                             WHEN 'timestamp' THEN @@session.time_zone ELSE :history_time_zone END END AS name
        ) zone
    ) found
) latest
