-- Is each column there that the queries of this target read? :needs is what they need, as JSON text, and the monitor
-- looks itself at what seems missing before it is believed. MariaDB 10.6 or MySQL 8.
-- Names are compared as the server does: columns without regard to case, tables by lower_case_table_names.
SELECT
    needed.table_name AS `table`,
    needed.column_name AS `column`,
    needed.queries,
    MAX(present.column_name IS NULL) AS missing
FROM (
    SELECT
        CONVERT(n.table_name USING utf8mb4) COLLATE utf8mb4_bin AS table_name,
        CONVERT(n.column_name USING utf8mb4) COLLATE utf8mb4_bin AS column_name,
        n.queries
    FROM JSON_TABLE(:needs, '$[*]' COLUMNS (
        table_name VARCHAR(64) PATH '$.table',
        column_name VARCHAR(64) PATH '$.column',
        queries VARCHAR(1000) PATH '$.queries'
    )) n
) needed
LEFT JOIN information_schema.columns present
    ON present.table_schema = DATABASE()
   AND LOWER(CONVERT(present.column_name USING utf8mb4)) COLLATE utf8mb4_bin = LOWER(needed.column_name)
   AND CASE WHEN @@lower_case_table_names = 0
            THEN CONVERT(present.table_name USING utf8mb4) COLLATE utf8mb4_bin = needed.table_name
            ELSE LOWER(CONVERT(present.table_name USING utf8mb4)) COLLATE utf8mb4_bin = LOWER(needed.table_name) END
GROUP BY needed.table_name, needed.column_name, needed.queries
