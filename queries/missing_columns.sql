-- Does every column exist that the token flow, the shipped queries and any other query of this target read?
-- One row per expected column, and one per expected table (its `column` is empty) for the case that it is gone as a whole.
--
-- expected: the contract below, with the types that the code can work with, and what queries of this target declare
-- under needs (:needs, JSON text; JSON_TABLE takes MariaDB 10.6 or MySQL 8). Ids are not typed: installations differ.
-- missing: 1 or 0 for a column, NULL for a table's row, which is no series. is_missing is the same without NULL.
-- finding: what the alert is about: a column that is missing from a table that exists, or a table that does not.
--
-- A table is there when a column of it is: of a view that is broken (ERROR 1356) none is shown, and it is as good as gone.
--
-- Names are compared as the server does: columns without regard to case, tables by lower_case_table_names; all in one
-- binary collation, because those of information_schema and of literals differ and do not mix. data_type is compared,
-- not column_type: that is int(11) on MariaDB and int on MySQL. Every column has an alias: MySQL would answer
-- information_schema's names in capitals.
--
-- information_schema shows only what the account may see: after a REVOKE columns look missing. What is missing
-- here is therefore touched by the monitor before it is believed.
--
-- Cost: reads the definitions of the schema's tables, a few milliseconds; no rows of any table.
WITH expected AS (
    SELECT
        spelled.table_name AS table_name,
        spelled.column_name AS column_name,
        MAX(spelled.types) AS types,
        MAX(spelled.nullable) AS nullable
    FROM (
        SELECT
            CONVERT(named.table_name USING utf8mb4) COLLATE utf8mb4_bin AS table_name,
            CONVERT(named.column_name USING utf8mb4) COLLATE utf8mb4_bin AS column_name,
            CONVERT(named.types USING utf8mb4) COLLATE utf8mb4_bin AS types,
            CONVERT(named.nullable USING utf8mb4) COLLATE utf8mb4_bin AS nullable
        FROM (
            SELECT :users AS table_name, :id AS column_name, '' AS types, '' AS nullable
            UNION ALL SELECT :users, :tokens_remaining, 'mediumint,int,bigint', 'YES'
            UNION ALL SELECT :user_subscriptions, :user_id, '', ''
            UNION ALL SELECT :user_subscriptions, :tokens_limit, 'mediumint,int,bigint', ''
            UNION ALL SELECT :user_subscriptions, :plan_type, 'varchar,char,enum,tinytext,text,mediumtext,longtext', ''
            UNION ALL SELECT :user_subscriptions, :is_active, 'tinyint,smallint,mediumint,int,bigint,bit', ''
            UNION ALL SELECT :token_usage_history, :user_id, '', ''
            UNION ALL SELECT :token_usage_history, :tokens_used, 'smallint,mediumint,int,bigint', ''
            UNION ALL SELECT :token_usage_history, :usage_action, 'varchar,char,enum,tinytext,text,mediumtext,longtext', ''
            UNION ALL SELECT :token_usage_history, :created_at, 'datetime,timestamp', ''
            UNION ALL
            SELECT needed.table_name, needed.column_name, '', ''
            FROM JSON_TABLE(:needs, '$[*]' COLUMNS (
                table_name VARCHAR(64) PATH '$.table',
                column_name VARCHAR(64) PATH '$.column'
            )) needed
        ) named
    ) spelled
    GROUP BY spelled.table_name, spelled.column_name
),
present_columns AS (
    SELECT
        CASE WHEN @@lower_case_table_names = 0 THEN CONVERT(c.table_name USING utf8mb4)
             ELSE LOWER(CONVERT(c.table_name USING utf8mb4)) END COLLATE utf8mb4_bin AS table_name,
        LOWER(CONVERT(c.column_name USING utf8mb4)) COLLATE utf8mb4_bin AS column_name,
        LOWER(CONVERT(c.data_type USING utf8mb4)) COLLATE utf8mb4_bin AS data_type,
        UPPER(CONVERT(c.is_nullable USING utf8mb4)) COLLATE utf8mb4_bin AS is_nullable
    FROM information_schema.columns c
    WHERE c.table_schema = DATABASE()
),
present_tables AS (
    SELECT DISTINCT c.table_name FROM present_columns c
)
SELECT
    e.table_name AS `table`,
    e.column_name AS `column`,
    c.column_name IS NULL AS missing,
    c.column_name IS NULL AS is_missing,
    CASE WHEN t.table_name IS NOT NULL THEN c.column_name IS NULL END AS finding,
    CASE WHEN e.types <> '' AND c.column_name IS NOT NULL
         THEN FIND_IN_SET(c.data_type, e.types) = 0 END AS `type`,
    CASE WHEN e.nullable <> '' AND c.column_name IS NOT NULL
         THEN c.is_nullable <> e.nullable END AS nullable,
    CONCAT('column ', e.table_name, '.', e.column_name) AS subject,
    CONCAT(c.data_type, CASE c.is_nullable WHEN 'YES' THEN ' NULL' ELSE ' NOT NULL' END) AS found,
    CONCAT(REPLACE(e.types, ',', ' or '), CASE e.nullable WHEN 'YES' THEN ', NULL allowed' ELSE '' END) AS wanted,
    CASE WHEN e.table_name = :users AND e.column_name = :tokens_remaining THEN CONCAT(
'-- 1. add the column
ALTER TABLE ', :users, ' ADD COLUMN ', :tokens_remaining, ' INT DEFAULT NULL AFTER role;
-- 2. give every active subscriber without a balance the limit of the plan (the highest, if there are several)
UPDATE ', :users, ' u
JOIN (SELECT ', :user_id, ' AS user_id, MAX(', :tokens_limit, ') AS tokens_limit
      FROM ', :user_subscriptions, ' WHERE ', :is_active, ' = 1 GROUP BY ', :user_id, ') s
  ON s.user_id = u.', :id, '
SET u.', :tokens_remaining, ' = s.tokens_limit
WHERE (u.', :tokens_remaining, ' IS NULL OR u.', :tokens_remaining, ' = 0) AND s.tokens_limit > 0;
-- 3. verify: this must give 0, and the monitor must resolve the alert
SELECT COUNT(*) AS still_without_balance FROM ', :users, ' u
JOIN ', :user_subscriptions, ' s ON s.', :user_id, ' = u.', :id, ' AND s.', :is_active, ' = 1
WHERE (u.', :tokens_remaining, ' IS NULL OR u.', :tokens_remaining, ' = 0) AND s.', :tokens_limit, ' > 0;')
         ELSE CONCAT('-- no SQL is documented for ', e.table_name, '.', e.column_name,
                     ': run the migration that adds it, then: token-monitor check --schema') END AS repair
FROM expected e
LEFT JOIN present_tables t
    ON t.table_name = CASE WHEN @@lower_case_table_names = 0 THEN e.table_name ELSE LOWER(e.table_name) END
LEFT JOIN present_columns c
    ON c.table_name = CASE WHEN @@lower_case_table_names = 0 THEN e.table_name ELSE LOWER(e.table_name) END
    AND c.column_name = LOWER(e.column_name)
UNION ALL
SELECT
    e.table_name,
    '',
    NULL,
    0,
    MAX(t.table_name IS NULL),
    NULL,
    NULL,
    CONCAT('table ', e.table_name, ' (with ', GROUP_CONCAT(e.column_name ORDER BY e.column_name SEPARATOR ', '), ')'),
    NULL,
    NULL,
    CONCAT('-- no SQL is documented for the table ', e.table_name,
           ': run the migration that makes it, or restore it from the backup, then: token-monitor check --schema')
FROM expected e
LEFT JOIN present_tables t
    ON t.table_name = CASE WHEN @@lower_case_table_names = 0 THEN e.table_name ELSE LOWER(e.table_name) END
GROUP BY e.table_name
