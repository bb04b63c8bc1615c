-- Which errors did statements of other accounts meet within the last five minutes? What the server itself counted, so an
-- incident is seen where no contract knows the column: the application fails, and the server knows of what.
-- One row per code that some account ever met, with how often since the server started, and whether just now (recent).
-- The codes: 1054 unknown column, 1146 no such table, 1142 a right is missing, 1264 and 1690 out of range, 1366 a wrong
-- value, 1205 a lock that was waited for in vain, 1213 a deadlock; 1040 too many connections, which no account has.
--
-- Our own account is left out. The text is a statement of which such an error is remembered, or else one of this schema
-- that just ran and has failed before; as the server keeps it, without values.
-- Off without SELECT on performance_schema (grants prints it), and where performance_schema is off: there are no rows then.
--
-- Cost: a look-up by key for each account and code, below 2 ms for twenty accounts.
SELECT
    found.code AS code,
    found.errors AS errors,
    found.recent AS recent,
    found.accounts AS accounts,
    CASE WHEN found.recent = 0 THEN '' ELSE LEFT(COALESCE(
        (SELECT s.digest_text
         FROM performance_schema.events_statements_history s
         JOIN performance_schema.threads t ON t.thread_id = s.thread_id
         WHERE s.mysql_errno = found.code AND s.current_schema = DATABASE()
           AND t.processlist_user <> SUBSTRING_INDEX(USER(), '@', 1)
         ORDER BY s.timer_end DESC LIMIT 1),
        (SELECT d.digest_text
         FROM performance_schema.events_statements_summary_by_digest d
         WHERE d.schema_name = DATABASE() AND d.sum_errors * 10 >= d.count_star AND d.sum_errors > 0
           AND d.last_seen > NOW() - INTERVAL 5 MINUTE
           AND d.digest_text REGEXP '^(SELECT|INSERT|UPDATE|DELETE|REPLACE|WITH|CALL) '
           AND d.digest_text NOT LIKE '%_schema%' AND d.digest_text NOT LIKE '%STRAIGHT_JOIN%'
           AND d.digest_text NOT LIKE 'SELECT % FROM % LIMIT ?'
         ORDER BY d.last_seen DESC LIMIT 1),
        'none is remembered'), 200) END AS statement_text
FROM (
    SELECT
        codes.code AS code,
        SUM(e.sum_error_raised) AS errors,
        COALESCE(MAX(e.last_seen > NOW() - INTERVAL 5 MINUTE), 0) AS recent,
        SUBSTRING_INDEX(GROUP_CONCAT(DISTINCT e.user ORDER BY e.user), ',', 3) AS accounts
    FROM performance_schema.accounts a
    CROSS JOIN (
        SELECT 1054 AS code UNION ALL SELECT 1146 UNION ALL SELECT 1142 UNION ALL SELECT 1264 UNION ALL SELECT 1366
        UNION ALL SELECT 1690 UNION ALL SELECT 1205 UNION ALL SELECT 1213
    ) codes
    JOIN performance_schema.events_errors_summary_by_account_by_error e
      ON e.user = a.user AND e.host = a.host AND e.error_number = codes.code
    WHERE a.user IS NOT NULL AND a.user <> SUBSTRING_INDEX(USER(), '@', 1)
      AND FIND_IN_SET(a.user, REPLACE(:ignored_accounts, ' ', '')) = 0 AND e.sum_error_raised > 0
    GROUP BY codes.code
    UNION ALL
    SELECT g.error_number, g.sum_error_raised, COALESCE(g.last_seen > NOW() - INTERVAL 5 MINUTE, 0),
           'who had no account yet'
    FROM performance_schema.events_errors_summary_global_by_error g
    WHERE g.error_number = 1040 AND g.sum_error_raised > 0
) found
