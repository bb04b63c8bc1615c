-- How many active subscriptions have limits of which size, and how many give nothing: no limit, or none above 0?
-- Of users with a key above :from_key, up to :to_key. Subscriptions are counted, not users; also those of users that
-- are gone. One row per plan and number of digits of the limit: a limit that is a thousandth of what it was, or a
-- hundred times that, has another number of digits, be it that of one subscriber among thousands.
--
-- Plan names are compared in lower case, without blanks around them, byte by byte: with the table's own collation
-- GROUP BY would pick any of the spellings, and the series would change their names from run to run.
--
-- Cost: a range of the index on user_subscriptions(user_id), and a look-up of each row.
SELECT
    COALESCE(NULLIF(LOWER(TRIM(CONVERT(sized.plan_type USING utf8mb4) COLLATE utf8mb4_bin)), ''), 'none') AS plan,
    CAST(sized.limit_digits AS CHAR) AS limit_digits,
    SUM(sized.subscriptions) AS subscriptions,
    -- a plan without any has no series
    NULLIF(SUM(CASE WHEN sized.limit_digits = 0 THEN sized.subscriptions ELSE 0 END), 0) AS without_limit
FROM (
    SELECT
        MAX(s.{plan_type}) AS plan_type,
        CASE WHEN s.{tokens_limit} > 0 THEN CHAR_LENGTH(CAST(FLOOR(s.{tokens_limit}) AS CHAR)) ELSE 0 END AS limit_digits,
        COUNT(*) AS subscriptions
    FROM {user_subscriptions} s
    WHERE s.{is_active} = 1 AND s.{user_id} > :from_key AND s.{user_id} <= :to_key
    -- by place: a name would be that of a column where the table has such a one
    GROUP BY CAST(s.{plan_type} AS BINARY), 2
) sized
GROUP BY plan, sized.limit_digits
