-- Do the times of the usage history fit the clock, or are they written in another zone than history_time_zone says?
-- Two rows, always: kind `future_time` and kind `late_time`, as history_invalid calls single rows, each with by how many
-- seconds (0: no sign of it) and what to do.
--
-- future_time: the newest row that lies in the future by up to 14 hours, as far as zones go. What lies further ahead is one
-- bad row, not a zone; recent_usage counts all. A newcomer east of UTC who writes local time has hours of such rows:
-- then a silence would be noticed hours late.
-- late_time: the newest row is a multiple of half an hour old, give or take 5 minutes, and the table was changed within
-- the last 10: it is written to now, with times of hours ago, as west of UTC. This can only be known where the
-- server says when the table was changed: not of a view, nor after a restart until it is written to again. An update or
-- a purge changes it too, so the rule waits 15 minutes: a history that really stands grows out of the 5 minutes.
--
-- The column's type decides: a TIMESTAMP is kept in UTC and comes in the zone of the session; history_time_zone is not
-- used for it.
-- An unknown zone makes seconds NULL, and so the run a bad_result that names the zone.
--
-- Cost: looks at the end of the index on created_at; without one passes over all rows, 2 to 3 s for 5 million.
SELECT
    told.kind AS kind,
    told.seconds AS seconds,
    CASE told.kind
        WHEN 'future_time' THEN CONCAT(told.rows_ahead, ' rows of the usage history are up to ', told.span, ' in the future')
        ELSE CONCAT('The newest row of the usage history is ', told.span, ' old although the table is written to')
    END AS subject,
    CASE
        WHEN told.kind = 'future_time' AND told.seconds < 1500
            THEN 'It is too little for a zone: a clock of the application is ahead.'
        WHEN told.data_type = 'timestamp'
            THEN 'The column is TIMESTAMP, whose zone the server knows: leave history_time_zone out. The session of the application has another time_zone than its clock.'
        ELSE CONCAT('The column is ', UPPER(told.data_type), ', without a zone, and history_time_zone is "', :history_time_zone,
                    '". If the application writes local time, set history_time_zone = "',
                    CASE WHEN told.wanted_seconds < 0 THEN '-' ELSE '+' END,
                    TIME_FORMAT(SEC_TO_TIME(ABS(told.wanted_seconds)), '%H:%i'),
                    '", or the name of its zone where the offset changes in summer and the server has the zone tables.')
    END AS advice,
    CASE WHEN told.data_type = 'timestamp' AND :history_time_zone <> '+00:00'
         THEN 'history_time_zone is not used: the column is TIMESTAMP, leave it out' END AS note
FROM (
    SELECT
        judged.*,
        CONCAT(judged.seconds DIV 3600, ' h ', judged.seconds MOD 3600 DIV 60, ' min') AS span,
        judged.offset_seconds + CASE judged.kind WHEN 'future_time' THEN CEILING(judged.seconds / 1800) * 1800
                                                 ELSE - (judged.seconds DIV 1800) * 1800 END AS wanted_seconds
    FROM (
        SELECT
            kinds.kind AS kind,
            found.data_type AS data_type,
            found.offset_seconds AS offset_seconds,
            found.rows_ahead AS rows_ahead,
            CASE WHEN found.offset_seconds IS NULL THEN NULL
                 WHEN kinds.kind = 'future_time' THEN COALESCE(TIMESTAMPDIFF(SECOND, found.now_there, found.newest_ahead_at), 0)
                 WHEN TIMESTAMPDIFF(SECOND, found.newest_at, found.now_there) BETWEEN 1800 AND 43500
                      AND TIMESTAMPDIFF(SECOND, found.newest_at, found.now_there) MOD 1800 < 300
                      -- update_time comes in the zone of the session, as NOW() does
                      AND found.changed_at > NOW() - INTERVAL 10 MINUTE
                      THEN TIMESTAMPDIFF(SECOND, found.newest_at, found.now_there)
                 ELSE 0 END AS seconds
        FROM (
            SELECT
                zone.data_type AS data_type,
                CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', zone.name) AS now_there,
                TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', zone.name)) AS offset_seconds,
                -- in the hour after a clock was set back in autumn: than it showed before
                (SELECT COUNT(*) FROM {token_usage_history} h
                 WHERE h.{created_at} > GREATEST(
                     CONVERT_TZ(UTC_TIMESTAMP() + INTERVAL 1 MINUTE, '+00:00', zone.name),
                     CONVERT_TZ(UTC_TIMESTAMP() - INTERVAL 59 MINUTE, '+00:00', zone.name) + INTERVAL 1 HOUR)
                   AND h.{created_at} <= CONVERT_TZ(UTC_TIMESTAMP() + INTERVAL 14 HOUR, '+00:00', zone.name)
                ) AS rows_ahead,
                (SELECT MAX(h.{created_at}) FROM {token_usage_history} h
                 WHERE h.{created_at} > GREATEST(
                     CONVERT_TZ(UTC_TIMESTAMP() + INTERVAL 1 MINUTE, '+00:00', zone.name),
                     CONVERT_TZ(UTC_TIMESTAMP() - INTERVAL 59 MINUTE, '+00:00', zone.name) + INTERVAL 1 HOUR)
                   AND h.{created_at} <= CONVERT_TZ(UTC_TIMESTAMP() + INTERVAL 14 HOUR, '+00:00', zone.name)
                ) AS newest_ahead_at,
                (SELECT MAX(h.{created_at}) FROM {token_usage_history} h
                 WHERE h.{created_at} <= CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', zone.name)
                ) AS newest_at,
                (SELECT MAX(t.update_time) FROM information_schema.tables t
                 WHERE t.table_schema = DATABASE() AND t.table_name = :token_usage_history) AS changed_at
            FROM (
                SELECT
                    (SELECT LOWER(MAX(c.data_type)) FROM information_schema.columns c
                     WHERE c.table_schema = DATABASE()
                       AND c.table_name = :token_usage_history AND c.column_name = :created_at) AS data_type,
                    CASE (SELECT LOWER(MAX(c.data_type)) FROM information_schema.columns c
                          WHERE c.table_schema = DATABASE()
                            AND c.table_name = :token_usage_history AND c.column_name = :created_at)
                        WHEN 'timestamp' THEN @@session.time_zone ELSE :history_time_zone END AS name
            ) zone
        ) found
        CROSS JOIN (SELECT 'future_time' AS kind UNION ALL SELECT 'late_time') kinds
    ) judged
) told
