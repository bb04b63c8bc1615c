-- How are the balances of all active subscribers, plan by plan? Of those with a key above :from_key, up to :to_key.
-- One row per plan that has such subscribers; columns for the states, in this order: NULL, negative, 0, low, ok.
--
-- Several active subscriptions of one user: the highest limit decides, then the lowest plan name; a NULL limit
-- comes last. Nothing is grouped by user, which is what took long. Rows are grouped as they are, by the bytes of the
-- plan, the limit and the state; the few users with several subscriptions are looked at once more, in order, and all
-- but the first row of each are taken off again. Plan names are written alike once a group. Rows that are equal in
-- all columns count once. A subscription without a user counts nowhere.
-- Plan names are compared in lower case, without blanks around them, byte by byte: with the table's own collation
-- GROUP BY would pick any of the spellings, and the series would change their names from run to run.
-- state: 0 to 4 as above, + 8 below the share of the limit, + 16 at the limit, + 32 who can afford a call now: by the
-- balance, or since it is NULL or 0 and auto-initialisation fills it.
--
-- Types differ between installations (BIGINT UNSIGNED, DECIMAL, text): `+ 0` and CAST compare as numbers what is one,
-- and no difference is taken of a column as it is, since UNSIGNED has none below 0 (ERROR 1690).
-- Cost: 8 to 15 ms for 5,000 keys. STRAIGHT_JOIN begins at the subscriptions; both servers know that what is asked
-- of users.id is so of user_subscriptions.user_id too, and read a range of its index.
SELECT
    plans.plan AS plan,
    SUM(plans.needs_init) AS needs_init,
    SUM(plans.negative) AS negative,
    SUM(plans.`empty`) AS `empty`,
    SUM(plans.low) AS low,
    SUM(plans.ok) AS ok,
    SUM(plans.below_share) AS below_share,
    -- a plan without any has no series
    NULLIF(SUM(plans.at_limit), 0) AS at_limit,
    SUM(plans.conflicting) AS conflicting,
    SUM(plans.served) AS served,
    SUM(plans.balance_tokens) AS balance_tokens,
    SUM(plans.limit_tokens) AS limit_tokens
FROM (
    SELECT
        COALESCE(NULLIF(LOWER(TRIM(CONVERT(part.plan_type USING utf8mb4) COLLATE utf8mb4_bin)), ''), 'none') AS plan,
        SUM(CASE WHEN part.state & 7 = 0 THEN part.users ELSE 0 END) AS needs_init,
        SUM(CASE WHEN part.state & 7 = 1 THEN part.users ELSE 0 END) AS negative,
        SUM(CASE WHEN part.state & 7 = 2 THEN part.users ELSE 0 END) AS `empty`,
        SUM(CASE WHEN part.state & 7 = 3 THEN part.users ELSE 0 END) AS low,
        SUM(CASE WHEN part.state & 7 = 4 THEN part.users ELSE 0 END) AS ok,
        SUM(CASE WHEN part.state & 8 THEN part.users ELSE 0 END) AS below_share,
        SUM(CASE WHEN part.state & 16 THEN part.users ELSE 0 END) AS at_limit,
        SUM(CASE WHEN part.state & 32 THEN part.users ELSE 0 END) AS served,
        SUM(part.conflicting) AS conflicting,
        COALESCE(SUM(part.balance_tokens), 0) AS balance_tokens,
        COALESCE(SUM(part.users * CAST(part.tokens_limit AS DECIMAL(40, 4))), 0) AS limit_tokens
    FROM (
        SELECT
            alike.plan_type AS plan_type,
            alike.tokens_limit AS tokens_limit,
            alike.state AS state,
            alike.users AS users,
            alike.balance_tokens AS balance_tokens,
            0 AS conflicting
        FROM (
            SELECT
                CAST(s.{plan_type} AS BINARY) AS plan_bytes,
                MAX(s.{plan_type}) AS plan_type,
                s.{tokens_limit} AS tokens_limit,
                CASE WHEN u.{tokens_remaining} IS NULL THEN 0
                     WHEN u.{tokens_remaining} < 0 THEN 1
                     WHEN u.{tokens_remaining} = 0 THEN 2
                     WHEN u.{tokens_remaining} < :low_balance THEN 3
                     ELSE 4 END
                -- a product, not a quotient: a limit of 0 divides nothing
                + CASE WHEN u.{tokens_remaining} >= 0 AND s.{tokens_limit} > 0
                            AND u.{tokens_remaining} < :low_share * s.{tokens_limit} THEN 8 ELSE 0 END
                + CASE WHEN u.{tokens_remaining} = s.{tokens_limit} THEN 16 ELSE 0 END
                + CASE WHEN u.{tokens_remaining} >= :cheapest_action THEN 32
                       WHEN u.{tokens_remaining} > 0 OR u.{tokens_remaining} < 0 THEN 0
                       WHEN s.{tokens_limit} > 0 THEN 32 ELSE 0 END AS state,
                COUNT(*) AS users,
                SUM(u.{tokens_remaining}) AS balance_tokens
            FROM {user_subscriptions} s
            STRAIGHT_JOIN {users} u ON u.{id} = s.{user_id}
            WHERE s.{is_active} = 1 AND u.{id} > :from_key AND u.{id} <= :to_key
            -- by place: a name would be that of a column where a table has such a one, a user's state
            GROUP BY 1, 3, 4
        ) alike
        UNION ALL
        SELECT
            ranked.plan_type AS plan_type,
            ranked.tokens_limit AS tokens_limit,
            ranked.state AS state,
            CASE WHEN ranked.place > 1 THEN -1 ELSE 0 END AS users,
            CASE WHEN ranked.place > 1 THEN 0 - ranked.balance END AS balance_tokens,
            CASE WHEN ranked.place = 1 AND ranked.places > 1 THEN 1 ELSE 0 END AS conflicting
        FROM (
            SELECT
                s.{plan_type} AS plan_type,
                s.{tokens_limit} AS tokens_limit,
                CAST(u.{tokens_remaining} AS DECIMAL(40, 4)) AS balance,
                CASE WHEN u.{tokens_remaining} IS NULL THEN 0
                     WHEN u.{tokens_remaining} < 0 THEN 1
                     WHEN u.{tokens_remaining} = 0 THEN 2
                     WHEN u.{tokens_remaining} < :low_balance THEN 3
                     ELSE 4 END
                + CASE WHEN u.{tokens_remaining} >= 0 AND s.{tokens_limit} > 0
                            AND u.{tokens_remaining} < :low_share * s.{tokens_limit} THEN 8 ELSE 0 END
                + CASE WHEN u.{tokens_remaining} = s.{tokens_limit} THEN 16 ELSE 0 END
                + CASE WHEN u.{tokens_remaining} >= :cheapest_action THEN 32
                       WHEN u.{tokens_remaining} > 0 OR u.{tokens_remaining} < 0 THEN 0
                       WHEN s.{tokens_limit} > 0 THEN 32 ELSE 0 END AS state,
                ROW_NUMBER() OVER (
                    PARTITION BY s.{user_id}
                    ORDER BY s.{tokens_limit} IS NULL, s.{tokens_limit} + 0 DESC, COALESCE(NULLIF(LOWER(TRIM(
                        CONVERT(s.{plan_type} USING utf8mb4) COLLATE utf8mb4_bin)), ''), 'none')
                ) AS place,
                COUNT(*) OVER (PARTITION BY s.{user_id}) AS places
            FROM (
                SELECT subscription.{user_id} AS user_id
                FROM {user_subscriptions} subscription
                WHERE subscription.{user_id} > :from_key AND subscription.{user_id} <= :to_key
                GROUP BY subscription.{user_id}
                HAVING COUNT(*) > 1
            ) several
            STRAIGHT_JOIN {user_subscriptions} s ON s.{user_id} = several.user_id AND s.{is_active} = 1
            STRAIGHT_JOIN {users} u ON u.{id} = s.{user_id}
        ) ranked
    ) part
    GROUP BY plan
    HAVING SUM(part.users) > 0
) plans
GROUP BY plans.plan
