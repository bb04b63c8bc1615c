-- Does one user use far more than anybody usually does? Read forward by history_id: each row of the history once.
-- One row for the rows with an id above :since, up to :until: how many uses the user has who has most of them, and who
-- that is, for a person to read. Rows without a user_id are of nobody.
--
-- Each look reads what came within a minute or so. Added up over an hour it is the share of the busiest, whoever it was
-- in each minute: more than any one user used, and not much more where one of them is far above the others.
--
-- Cost: grows with the new rows, not with the history; 0.5 ms for 60.
SELECT
    COALESCE(MAX(per_user.events), 0) AS busiest,
    -- the number of uses first, so that the highest one is the last by its text
    SUBSTRING(MAX(CONCAT(LPAD(per_user.events, 12, '0'), per_user.user_id)), 13) AS busiest_user_id
FROM (
    SELECT h.{user_id} AS user_id, COUNT(*) AS events
    FROM {token_usage_history} h
    WHERE h.{history_id} > :since AND h.{history_id} <= :until AND h.{user_id} IS NOT NULL
    GROUP BY h.{user_id}
) per_user
