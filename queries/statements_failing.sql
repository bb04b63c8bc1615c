-- Do statements of this schema fail, by the server's own books? MariaDB counts errors by statement and keeps no code:
-- one row, of the statements that ran within the last five minutes and of which at least every tenth has failed. So it
-- sees what fails since it is there, such as new code before its migration; not what worked for long and fails now.
-- 1 of recent: there is one; the text is one of them, as the server keeps it, without values. errors are of all.
--
-- Our own statements are left out by their text, since nothing says whose one is: they name information_schema, or what
-- only ours do. The text is cut by the server (max_digest_length), so what is looked for stands at the beginning.
-- Off without SELECT on performance_schema (grants prints it), and where performance_schema is off, as it is by default
-- on MariaDB: errors and recent are NULL then.
--
-- Cost: a pass over the digests that the server keeps, below 10 ms.
SELECT
    'any' AS code,
    CASE WHEN @@performance_schema = 1 THEN COALESCE(SUM(d.sum_errors), 0) END AS errors,
    CASE WHEN @@performance_schema = 1 THEN COALESCE(MAX(
        d.last_seen > NOW() - INTERVAL 5 MINUTE AND d.sum_errors * 10 >= d.count_star), 0) END AS recent,
    'of which account is not known' AS accounts,
    LEFT(COALESCE(MAX(CASE WHEN d.last_seen > NOW() - INTERVAL 5 MINUTE AND d.sum_errors * 10 >= d.count_star
                           THEN TRIM(d.digest_text) END), 'none is remembered'), 200) AS statement_text
FROM performance_schema.events_statements_summary_by_digest d
WHERE d.schema_name = DATABASE() AND d.sum_errors > 0
  -- all accounts together: it is not known which one a statement was of
  AND :ignored_accounts IS NOT NULL
  AND d.digest_text REGEXP '^(SELECT|INSERT|UPDATE|DELETE|REPLACE|WITH|CALL) '
  AND d.digest_text NOT LIKE '%_schema%'
  AND d.digest_text NOT LIKE '%STRAIGHT_JOIN%'
  AND d.digest_text NOT LIKE 'SELECT % FROM % LIMIT ? '
  -- how far a table reaches, which is asked before it is read
  AND d.digest_text NOT REGEXP '^SELECT ([(] SELECT )?(COALESCE [(] )?MAX [(] `[^`]+` [)]( , [?])?( [)])? FROM `[^`]+` ([)] , .*)?$'
  AND d.digest_text NOT REGEXP '^SELECT MIN [(] `[^`]+` [)] AS `(lowest|next)`'
  -- names that the shipped queries give
  AND d.digest_text NOT REGEXP '`(zone` [.] `name|told` [.] `kind|latest` [.] `user_id|per_action` [.] `|plans` [.] `plan|sized` [.] `)'
  AND d.digest_text NOT REGEXP 'AS `(judged|looked|looked_at|usage_id|usage_action|largest_used|is_zone_known|last_event|needs_init|user_exists)`'
  AND d.digest_text NOT REGEXP '^WITH (RECURSIVE )?`(unhealthy|expected)`'
  -- the copies that gh-ost and pt-online-schema-change make of a table, and what they do to them
  AND d.digest_text NOT REGEXP '`_[^`]*_(gho|ghc|del|new|old)`'
