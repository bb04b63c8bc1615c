-- How many users have several active subscriptions, so that chance decides which limit the application reads?
-- One row. A subscription without a user counts nowhere.
--
-- Cost: a pass over the active subscriptions, 1 to 2 s for a million; the users are looked up for the few that conflict.
-- SQL_BIG_RESULT sorts instead of using a temporary table.
SELECT COUNT(*) AS conflicting
FROM (
    SELECT SQL_BIG_RESULT s.{user_id} AS user_id
    FROM {user_subscriptions} s
    WHERE s.{is_active} = 1
    GROUP BY s.{user_id}
    HAVING COUNT(*) > 1
) several
JOIN {users} u ON u.{id} = several.user_id
