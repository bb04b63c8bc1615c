-- Does every column exist that the token flow, the shipped queries and any other query of this target read?
-- One row per expected column, and one per expected table (its `column` is empty) for the case that it is gone as a whole.
--
-- expected: the contract below, with the types that the code can work with, and what queries of this target declare
-- under needs (:needs, JSON text; JSON_TABLE takes MariaDB 10.6 or MySQL 8), with where the application names it, if its
-- source is known ([contract]). Ids are not typed: installations differ.
-- missing: 1 or 0 for a column, NULL for a table's row, which is no series. is_missing is the same without NULL.
-- finding: what the alert is about: a column that is missing from a table that exists, or a table that does not.
-- largest: the largest balance or limit that the column can hold, as far as the token code needs it: MEDIUMINT is enough.
-- similar: up to three columns of the table that have a right type and that nobody expects: the missing one, renamed?
-- First come those that share the first or the last word of its name.
--
-- A table is there when a column of it is: of a view that is broken (ERROR 1356) none is shown, and it is as good as gone.
--
-- information_schema is read once, for columns and tables together: on MariaDB a table that is just being altered is
-- hidden for a moment, and two reads of one statement would contradict each other.
--
-- Names are compared as the server does: columns without regard to case, tables by lower_case_table_names; all in one
-- binary collation, because those of information_schema and of literals differ and do not mix. data_type is compared,
-- not column_type: that is int(11) on MariaDB and int on MySQL. Every column has an alias: MySQL would answer
-- information_schema's names in capitals.
--
-- information_schema shows only what the account may see: after a REVOKE columns look missing. What is missing
-- here is therefore touched by the monitor before it is believed.
--
-- present: only tables that are asked for, in any case of letters, which the join then compares as the server does.
-- By conditions on constants alone MariaDB opens no other table; and LIMIT, which cuts nothing, keeps it from merging
-- this into the join, where it would scan every database of the server.
-- Cost: reads the definitions of these tables, 2 to 7 ms however many others there are; no rows of any table.
WITH expected_part AS (
    SELECT
        spelled.table_name AS table_name,
        spelled.column_name AS column_name,
        MAX(spelled.types) AS types,
        MAX(spelled.nullable) AS nullable,
        MAX(spelled.purpose) AS purpose,
        COALESCE(MAX(spelled.needed_by), '') AS needed_by,
        COALESCE(MAX(spelled.named_by), '') AS named_by
    FROM (
        SELECT
            CONVERT(named.table_name USING utf8mb4) COLLATE utf8mb4_bin AS table_name,
            CONVERT(named.column_name USING utf8mb4) COLLATE utf8mb4_bin AS column_name,
            CONVERT(named.types USING utf8mb4) COLLATE utf8mb4_bin AS types,
            CONVERT(named.nullable USING utf8mb4) COLLATE utf8mb4_bin AS nullable,
            CONVERT(named.purpose USING utf8mb4) COLLATE utf8mb4_bin AS purpose,
            CONVERT(named.needed_by USING utf8mb4) COLLATE utf8mb4_bin AS needed_by,
            CONVERT(named.named_by USING utf8mb4) COLLATE utf8mb4_bin AS named_by
        FROM (
            SELECT :users AS table_name, :id AS column_name, '' AS types, '' AS nullable,
                   'balance' AS purpose, '' AS needed_by, '' AS named_by
            UNION ALL SELECT :users, :tokens_remaining, 'mediumint,int,bigint', 'YES', 'balance', '', ''
            UNION ALL SELECT :user_subscriptions, :user_id, '', '', 'balance', '', ''
            UNION ALL SELECT :user_subscriptions, :tokens_limit, 'mediumint,int,bigint', '', 'balance', '', ''
            UNION ALL SELECT :user_subscriptions, :plan_type,
                             'varchar,char,enum,tinytext,text,mediumtext,longtext', '', 'balance', '', ''
            UNION ALL SELECT :user_subscriptions, :is_active,
                             'tinyint,smallint,mediumint,int,bigint,bit', '', 'balance', '', ''
            UNION ALL SELECT :token_usage_history, :user_id, '', '', 'usage', '', ''
            UNION ALL SELECT :token_usage_history, :tokens_used, 'smallint,mediumint,int,bigint', '', 'usage', '', ''
            UNION ALL SELECT :token_usage_history, :usage_action,
                             'varchar,char,enum,tinytext,text,mediumtext,longtext', '', 'usage', '', ''
            UNION ALL SELECT :token_usage_history, :created_at, 'datetime,timestamp', '', 'usage', '', ''
            UNION ALL
            SELECT needed.table_name, needed.column_name, '', '', '', needed.needed_by, needed.named_by
            FROM JSON_TABLE(:needs, '$[*]' COLUMNS (
                table_name VARCHAR(64) PATH '$.table',
                column_name VARCHAR(64) PATH '$.column',
                needed_by VARCHAR(1000) PATH '$.queries',
                named_by VARCHAR(1000) PATH '$.application'
            )) needed
        ) named
    ) spelled
    GROUP BY spelled.table_name, spelled.column_name
),
wanted_part AS (
    SELECT e.table_name, e.column_name, e.types, e.nullable, e.purpose, e.needed_by, e.named_by,
           CONCAT('column ', e.table_name, '.', e.column_name) AS subject
    FROM expected_part e
    UNION ALL
    SELECT e.table_name, '', '', '', MAX(e.purpose), MAX(e.needed_by), MAX(e.named_by),
           CONCAT('table ', e.table_name, ' (with ',
                  GROUP_CONCAT(e.column_name ORDER BY e.column_name SEPARATOR ', '), ')')
    FROM expected_part e
    GROUP BY e.table_name
),
present_part AS (
    SELECT
        CASE WHEN @@lower_case_table_names = 0 THEN CONVERT(c.table_name USING utf8mb4)
             ELSE LOWER(CONVERT(c.table_name USING utf8mb4)) END COLLATE utf8mb4_bin AS table_name,
        -- in one line, whatever is in a name: what a line break in it begins would be outside the comment of the repair
        REGEXP_REPLACE(CONVERT(c.column_name USING utf8mb4),
                       CONCAT('[[:cntrl:]', CONVERT(UNHEX('C2802DC29FE280A82DE280AEE281A62DE281A9') USING utf8mb4), ']'),
                       ' ') COLLATE utf8mb4_bin AS spelled_name,
        LOWER(CONVERT(c.column_name USING utf8mb4)) COLLATE utf8mb4_bin AS column_name,
        LOWER(CONVERT(c.data_type USING utf8mb4)) COLLATE utf8mb4_bin AS data_type,
        UPPER(CONVERT(c.is_nullable USING utf8mb4)) COLLATE utf8mb4_bin AS is_nullable,
        LOWER(CONVERT(c.column_type USING utf8mb4)) COLLATE utf8mb4_bin AS column_type,
        -- MariaDB has the word NULL where MySQL has none
        COALESCE(NULLIF(CONVERT(c.column_default USING utf8mb4), 'NULL'), '') COLLATE utf8mb4_bin AS column_default,
        UPPER(CONVERT(c.column_key USING utf8mb4)) COLLATE utf8mb4_bin AS column_key,
        LOWER(CONVERT(c.collation_name USING utf8mb4)) COLLATE utf8mb4_bin AS collation_name
    FROM information_schema.columns c
    WHERE c.table_schema = DATABASE()
      AND (
          LOWER(CONVERT(c.table_name USING utf8mb4))
              IN (LOWER(:users), LOWER(:user_subscriptions), LOWER(:token_usage_history))
          OR JSON_CONTAINS(LOWER(JSON_EXTRACT(:needs, '$[*].table')),
                           JSON_QUOTE(LOWER(CONVERT(c.table_name USING utf8mb4))))
      )
    LIMIT 1000000
),
seen_part AS (
    SELECT
        w.table_name AS table_name,
        w.column_name AS column_name,
        w.types AS types,
        w.nullable AS nullable,
        w.purpose AS purpose,
        w.needed_by AS needed_by,
        w.named_by AS named_by,
        w.subject AS subject,
        COALESCE(MAX(c.table_name IS NOT NULL), 0) AS has_table,
        COALESCE(MAX(c.column_name = LOWER(w.column_name)), 0) AS has_column,
        MAX(CASE WHEN c.column_name = LOWER(w.column_name) THEN c.data_type END) AS data_type,
        MAX(CASE WHEN c.column_name = LOWER(w.column_name) THEN c.is_nullable END) AS is_nullable,
        MAX(CASE WHEN c.column_name = LOWER(w.column_name) THEN c.column_type END) AS column_type,
        MAX(CASE WHEN c.column_name = LOWER(w.column_name) THEN c.column_default END) AS column_default,
        MAX(CASE WHEN c.column_name = LOWER(w.column_name) THEN c.column_key END) AS column_key,
        MAX(CASE WHEN c.column_name = LOWER(w.column_name) THEN c.collation_name END) AS collation_name,
        -- of users.id, beside each row
        MAX(MAX(CASE WHEN w.table_name = :users AND w.column_name = :id AND c.column_name = LOWER(w.column_name)
                     THEN c.collation_name END)) OVER () AS collation_of_ids,
        SUBSTRING_INDEX(GROUP_CONCAT(
            CASE WHEN known.column_name IS NULL AND FIND_IN_SET(c.data_type, w.types) > 0 THEN c.spelled_name END
            ORDER BY LOCATE(SUBSTRING_INDEX(LOWER(w.column_name), '_', 1), c.column_name) = 0
                 AND LOCATE(SUBSTRING_INDEX(LOWER(w.column_name), '_', -1), c.column_name) = 0, c.column_name
            SEPARATOR ', '
        ), ', ', 3) AS similar
    FROM wanted_part w
    LEFT JOIN present_part c
        ON c.table_name = CASE WHEN @@lower_case_table_names = 0 THEN w.table_name ELSE LOWER(w.table_name) END
    LEFT JOIN expected_part known ON known.table_name = w.table_name AND LOWER(known.column_name) = c.column_name
    GROUP BY w.table_name, w.column_name, w.types, w.nullable, w.purpose, w.needed_by, w.named_by, w.subject
)
SELECT
    s.table_name AS `table`,
    s.column_name AS `column`,
    CASE WHEN s.column_name <> '' THEN s.has_column = 0 END AS missing,
    s.column_name <> '' AND s.has_column = 0 AS is_missing,
    CASE WHEN s.column_name = '' THEN s.has_table = 0
         WHEN s.has_table THEN s.has_column = 0 END AS finding,
    CASE WHEN s.types <> '' AND s.has_column THEN FIND_IN_SET(s.data_type, s.types) = 0 END AS `type`,
    CASE WHEN s.nullable <> '' AND s.has_column THEN s.is_nullable <> s.nullable END AS nullable,
    -- only tokens_remaining has a word on NULL: it goes below 0, and a new user must be waiting for initialisation
    CASE WHEN s.nullable <> '' AND s.has_column THEN LOCATE('unsigned', s.column_type) > 0 END AS sign,
    CASE WHEN s.nullable <> '' AND s.has_column THEN s.column_default <> '' END AS `default`,
    CASE WHEN s.types LIKE 'mediumint,%' AND s.has_column THEN
         CASE s.data_type WHEN 'tinyint' THEN CASE WHEN LOCATE('unsigned', s.column_type) > 0 THEN 255 ELSE 127 END
                          WHEN 'smallint' THEN CASE WHEN LOCATE('unsigned', s.column_type) > 0 THEN 65535 ELSE 32767 END
                          WHEN 'mediumint' THEN 8388607 WHEN 'int' THEN 8388607 WHEN 'bigint' THEN 8388607 END
         END AS largest,
    -- of a view no key is seen
    CASE WHEN s.table_name = :users AND s.column_name = :id AND s.has_column AND kind.of_users <> 'VIEW'
         THEN s.column_key NOT IN ('PRI', 'UNI') END AS `key`,
    -- a collation by bytes decides over another one; of two character sets one can be made the other mostly, and is not judged
    CASE WHEN s.column_name = :user_id AND s.table_name IN (:user_subscriptions, :token_usage_history)
         THEN s.collation_name <> s.collation_of_ids
              AND SUBSTRING_INDEX(s.collation_name, '_', 1) = SUBSTRING_INDEX(s.collation_of_ids, '_', 1)
              AND RIGHT(s.collation_name, 4) <> '_bin' AND RIGHT(s.collation_of_ids, 4) <> '_bin' END AS `collation`,
    s.subject AS subject,
    CONCAT(s.data_type, CASE WHEN LOCATE('unsigned', s.column_type) > 0 THEN ' UNSIGNED' ELSE '' END,
           CASE s.is_nullable WHEN 'YES' THEN ' NULL' ELSE ' NOT NULL' END,
           CASE WHEN s.column_default <> '' THEN CONCAT(' DEFAULT ', LEFT(s.column_default, 100)) ELSE '' END,
           CASE WHEN s.table_name = :users AND s.column_name = :id AND s.column_key NOT IN ('PRI', 'UNI')
                THEN ', not unique' ELSE '' END,
           CASE WHEN s.column_name = :user_id AND s.collation_name <> s.collation_of_ids
                THEN CONCAT(' COLLATE ', s.collation_name) ELSE '' END) AS found,
    CASE WHEN s.table_name = :users AND s.column_name = :id THEN 'a primary or unique key'
         WHEN s.column_name = :user_id AND s.collation_name <> s.collation_of_ids
         THEN CONCAT('COLLATE ', s.collation_of_ids, ' as ', :users, '.', :id)
         WHEN s.column_name = :is_active AND FIND_IN_SET(s.data_type, s.types) = 0
         THEN CONCAT(REPLACE(s.types, ',', ' or '), ' that is compared with 1')
         ELSE CONCAT(REPLACE(s.types, ',', ' or '),
                     CASE s.nullable WHEN 'YES' THEN ', signed, NULL allowed, DEFAULT NULL' ELSE '' END) END AS wanted,
    CONCAT_WS(' ', CASE s.purpose
        WHEN 'balance' THEN 'The application reads it before each AI call: paying users see a balance of 0 and get HTTP 402 on every AI feature.'
        WHEN 'usage' THEN 'The application writes it after each AI call: usage is not recorded, or the AI features fail.'
        ELSE CASE WHEN s.named_by = ''
                  THEN CONCAT('Only queries of this monitor ask for it (', s.needed_by,
                              '); whether the application needs it too, the monitor does not know.') END
    END, CASE WHEN s.named_by <> '' THEN CONCAT('Statements of the application name it: ', s.named_by, '.') END) AS impact,
    CASE WHEN s.has_table AND s.has_column = 0 AND s.similar <> ''
         THEN CONCAT(' Was it renamed? Of a right type and expected by nobody: ', s.similar, '.') ELSE '' END AS renamed,
    CASE WHEN s.table_name = :users AND s.column_name = :tokens_remaining THEN CONCAT(
'-- Before you run this
-- Was the column renamed and not dropped? ', COALESCE(CONCAT('Look at ', s.similar, '. '), ''), 'Then rename it back and stop here:
--   ALTER TABLE `', :users, '` RENAME COLUMN old_name TO `', :tokens_remaining, '`
-- Is there a backup with the balances? The column comes back empty. Step 3 then gives everybody the full limit
-- of the plan, also those who had spent most of it.
-- 1. add the column', CASE WHEN kind.of_users = 'VIEW'
                            THEN ': to the table that the view shows, and to the view' ELSE '' END, '
ALTER TABLE `', :users, '` ADD COLUMN `', :tokens_remaining, '` INT DEFAULT NULL',
CASE WHEN s.has_column = 0 AND (SELECT COUNT(*) FROM information_schema.columns c
                                WHERE c.table_schema = DATABASE() AND c.table_name = :users
                                  AND c.column_name = 'role') > 0 THEN ' AFTER role' ELSE '' END, ';
-- 2. how many would be filled? had_spent_all are at 0, which may be honest use
SELECT COUNT(*) AS would_be_filled, COALESCE(SUM(u.`', :tokens_remaining, '` = 0), 0) AS had_spent_all
FROM `', :users, '` u
JOIN (SELECT `', :user_id, '` AS user_id, MAX(`', :tokens_limit, '` + 0) AS tokens_limit
      FROM `', :user_subscriptions, '` WHERE `', :is_active, '` = 1 GROUP BY `', :user_id, '`) s
  ON s.user_id = u.`', :id, '`
WHERE (u.`', :tokens_remaining, '` IS NULL OR u.`', :tokens_remaining, '` = 0) AND s.tokens_limit > 0;
-- 3. give every active subscriber without a balance the limit of the plan (the highest, if there are several)
UPDATE `', :users, '` u
JOIN (SELECT `', :user_id, '` AS user_id, MAX(`', :tokens_limit, '` + 0) AS tokens_limit
      FROM `', :user_subscriptions, '` WHERE `', :is_active, '` = 1 GROUP BY `', :user_id, '`) s
  ON s.user_id = u.`', :id, '`
SET u.`', :tokens_remaining, '` = s.tokens_limit
WHERE (u.`', :tokens_remaining, '` IS NULL OR u.`', :tokens_remaining, '` = 0) AND s.tokens_limit > 0;
-- 4. verify: this must give 0, and the monitor must resolve the alert
SELECT COUNT(*) AS still_without_balance FROM `', :users, '` u
JOIN `', :user_subscriptions, '` s ON s.`', :user_id, '` = u.`', :id, '` AND s.`', :is_active, '` = 1
WHERE (u.`', :tokens_remaining, '` IS NULL OR u.`', :tokens_remaining, '` = 0) AND s.`', :tokens_limit, '` > 0;')
         WHEN s.column_name = '' THEN CONCAT('-- no SQL is documented for the table ', REGEXP_REPLACE(s.table_name, kind.odd, ' '),
             ': run the migration that makes it, or restore it from the backup, then: token-monitor check --schema')
         ELSE CONCAT('-- no SQL is documented for ', REGEXP_REPLACE(CONCAT(s.table_name, '.', s.column_name), kind.odd, ' '),
             COALESCE(CONCAT('. Was it renamed? Look at ', s.similar, '. Otherwise'), ':'),
             ' run the migration that adds it, then: token-monitor check --schema') END AS repair
FROM seen_part s
CROSS JOIN (
    SELECT (SELECT MAX(t.table_type) FROM information_schema.tables t
            WHERE t.table_schema = DATABASE() AND t.table_name = :users) AS of_users,
           -- what ends a line, or turns it round
           CONCAT('[[:cntrl:]', CONVERT(UNHEX('C2802DC29FE280A82DE280AEE281A62DE281A9') USING utf8mb4), ']') AS odd
) kind
