-- What are the last 20 rows of the usage history? For a person, by hand: token-monitor query last_rows
-- No metric and no alert come of it. user_exists says whether the row's user is (still) in users; no e-mail is shown.
--
-- The 20 rows are found first and the users looked up after: the other way round MariaDB joins five million rows
-- to show twenty (18.5 s instead of less than 1 ms).
-- Cost: the end of the index on created_at; without one a pass over all rows, 1 s for 5 million.
SELECT
    latest.user_id AS user_id,
    EXISTS (SELECT 1 FROM {users} u WHERE u.{id} = latest.user_id) AS user_exists,
    latest.action AS action,
    latest.tokens_used AS tokens_used,
    latest.created_at AS created_at
FROM (
    SELECT
        h.{user_id} AS user_id,
        h.{usage_action} AS action,
        h.{tokens_used} AS tokens_used,
        h.{created_at} AS created_at
    FROM {token_usage_history} h
    ORDER BY h.{created_at} DESC
    LIMIT 20
) latest
ORDER BY latest.created_at DESC
