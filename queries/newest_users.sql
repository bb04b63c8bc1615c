-- Do users who sign up get a subscription? Of the newest :looked_at users, by their number: how many have no active one.
--
-- By number and not by time, so that it is the same for ten sign-ups a day and a thousand, and no column with the time
-- of an account is needed. Who has just signed up and is still choosing a plan counts, at each look: what is unusual is
-- that there are more than before. Where numbers do not grow (a UUID) it is the same users at each look, and says nothing.
--
-- Cost: the end of the primary key and a look-up each, 0.5 ms.
SELECT
    COUNT(*) AS looked_at,
    COALESCE(SUM(CASE WHEN (SELECT 1 FROM {user_subscriptions} s
                            WHERE s.{user_id} = newest.user_id AND s.{is_active} = 1 LIMIT 1) IS NULL
                      THEN 1 ELSE 0 END), 0) AS unsubscribed
FROM (
    SELECT u.{id} AS user_id
    FROM {users} u
    ORDER BY u.{id} DESC
    LIMIT :looked_at
) newest
