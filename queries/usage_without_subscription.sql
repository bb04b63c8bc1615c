-- Which users used AI features without an active subscription? Read forward by history_id: each row once.
-- One row for each row of the history with an id above :since, up to :until; its user, NULL where there is an active
-- subscription as it is read: within minutes of the use, for what is older than the first start then. Who cancels
-- after a use had paid for it. A row without a user_id counts nowhere, nor one of a user who is not there: of those
-- history_invalid tells (unknown_user).
--
-- created_at is a DATETIME without a zone, and history_time_zone says in which zone the application writes it; or a
-- TIMESTAMP, whose zone the server knows. An unknown zone makes each time NULL; then the server is asked for the
-- zone, and the run is a bad_result.
--
-- Cost: grows with the new rows, not with the history: a look-up each, 1 ms for 300; one more of who has no subscription.
SELECT
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', CONVERT_TZ(h.{created_at}, zone.name, '+00:00')) / 1000000
    -- the hour that comes twice in autumn: CONVERT_TZ takes the first one; it was the second if that has come
    + CASE WHEN CONVERT_TZ(h.{created_at}, zone.name, '+00:00') <= UTC_TIMESTAMP() - INTERVAL 59 MINUTE
                AND CONVERT_TZ(CONVERT_TZ(h.{created_at}, zone.name, '+00:00') + INTERVAL 1 HOUR, '+00:00', zone.name)
                    = h.{created_at} THEN 3600 ELSE 0 END AS used_at,
    CASE WHEN (SELECT 1 FROM {user_subscriptions} s WHERE s.{user_id} = h.{user_id} AND s.{is_active} = 1 LIMIT 1)
              IS NULL
         THEN (SELECT u.{id} FROM {users} u WHERE u.{id} = h.{user_id} LIMIT 1) END AS unsubscribed_user_id
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
