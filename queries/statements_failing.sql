-- Do statements of this schema fail, by the server's own books? MariaDB counts errors by statement and keeps no code:
-- one row, of the statements that ran within the last two minutes and of which at least every tenth has failed. So it
-- sees what fails since it is there, such as new code before its migration; not what worked for long and fails now.
-- 1 of recent: there is one; the text is one of them, as the server keeps it, without values. errors are of all.
--
-- Our own statements are left out by their text: they name information_schema, or begin with what only ours do.
-- Off without SELECT on performance_schema (grants prints it), and where performance_schema is off, as it is by default
-- on MariaDB: errors and recent are NULL then.
--
-- Cost: a pass over the digests that the server keeps, below 10 ms.
SELECT
    'any' AS code,
    CASE WHEN @@performance_schema = 1 THEN COALESCE(SUM(d.sum_errors), 0) END AS errors,
    CASE WHEN @@performance_schema = 1 THEN COALESCE(MAX(
        d.last_seen > NOW() - INTERVAL 2 MINUTE AND d.sum_errors * 10 >= d.count_star), 0) END AS recent,
    'of which account is not known' AS accounts,
    LEFT(COALESCE(MAX(CASE WHEN d.last_seen > NOW() - INTERVAL 2 MINUTE AND d.sum_errors * 10 >= d.count_star
                           THEN TRIM(d.digest_text) END), 'none is remembered'), 200) AS statement_text
FROM performance_schema.events_statements_summary_by_digest d
WHERE d.schema_name = DATABASE() AND d.sum_errors > 0
  -- all accounts together: it is not known which one a statement was of
  AND :ignored_accounts IS NOT NULL
  AND d.digest_text REGEXP '^(SELECT|INSERT|UPDATE|DELETE|REPLACE|WITH|CALL) '
  AND d.digest_text NOT LIKE '%_schema%'
  AND d.digest_text NOT LIKE '%STRAIGHT_JOIN%'
  AND d.digest_text NOT LIKE 'SELECT % FROM % LIMIT ? '
