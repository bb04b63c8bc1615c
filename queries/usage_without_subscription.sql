-- How many users used AI features within a day although they have no active subscription (now)?
-- One row. A row of the history without a user_id counts nowhere; a user who was deleted counts.
--
-- created_at is a DATETIME without a zone; history_time_zone says in which zone the application writes it. The ends of
-- the windows are converted, not the column: an index on created_at stays usable.
-- A row from the future counts as of now. An unknown zone makes the result NULL, and so the run a bad_result.
--
-- Cost: the users of a day, 0.8 s for 86,000 rows with an index on created_at; without it a pass over the history,
-- 1 s for 5 million rows.
SELECT
    CASE WHEN CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', :history_time_zone) IS NOT NULL THEN COUNT(*) END AS unsubscribed_users
FROM (
    SELECT DISTINCT h.{user_id} AS user_id
    FROM {token_usage_history} h
    WHERE h.{created_at} > CONVERT_TZ(UTC_TIMESTAMP() - INTERVAL 1 DAY, '+00:00', :history_time_zone) AND h.{user_id} IS NOT NULL
) recent
WHERE NOT EXISTS (
    SELECT 1 FROM {user_subscriptions} s
    WHERE s.{user_id} = recent.user_id AND s.{is_active} = 1
)
