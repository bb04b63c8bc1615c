-- How many active subscribers cannot pay for each AI feature: a balance below its cost?
-- One row, one column per feature. 0 and negative balances are below any cost; NULL is no balance at all and
-- counted by uninitialized. (A balance of 0 with a positive limit is filled up at the next use.)
--
-- A look-up per user, not a join: two active subscriptions of one user count once. Nor an EXISTS: both servers would
-- make a join of it that begins at all subscriptions (2 to 3 s).
-- Cost: a scan of users (0.2 s with a million) plus a look-up for each balance below the dearest feature; an index on
-- users(tokens_remaining) saves the scan. SUM() over nothing is NULL, hence COALESCE.
SELECT
    COALESCE(SUM(u.{tokens_remaining} < :cost_ai_rewrite), 0) AS ai_rewrite,
    COALESCE(SUM(u.{tokens_remaining} < :cost_seo_title), 0) AS seo_title,
    COALESCE(SUM(u.{tokens_remaining} < :cost_meta_description), 0) AS meta_description,
    COALESCE(SUM(u.{tokens_remaining} < :cost_write_more), 0) AS write_more,
    COALESCE(SUM(u.{tokens_remaining} < :cost_find_image), 0) AS find_image
FROM {users} u
WHERE u.{tokens_remaining} < GREATEST(:cost_ai_rewrite, :cost_seo_title, :cost_meta_description,
                                      :cost_write_more, :cost_find_image)
  AND (SELECT 1 FROM {user_subscriptions} s WHERE s.{user_id} = u.{id} AND s.{is_active} = 1 LIMIT 1) = 1
