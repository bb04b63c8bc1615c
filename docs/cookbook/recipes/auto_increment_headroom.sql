-- Which share of their type's range have the AUTO_INCREMENT columns used? At 1 the next INSERT fails.
SELECT
    c.table_name AS `table`,
    c.column_name AS `column`,
    (t.auto_increment - 1) / CASE c.data_type
        WHEN 'tinyint' THEN IF(c.column_type LIKE '%unsigned%', 255, 127)
        WHEN 'smallint' THEN IF(c.column_type LIKE '%unsigned%', 65535, 32767)
        WHEN 'mediumint' THEN IF(c.column_type LIKE '%unsigned%', 16777215, 8388607)
        WHEN 'int' THEN IF(c.column_type LIKE '%unsigned%', 4294967295, 2147483647)
        WHEN 'bigint' THEN IF(c.column_type LIKE '%unsigned%', 18446744073709551615, 9223372036854775807)
    END AS used_ratio
FROM information_schema.columns c
JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
WHERE c.table_schema = DATABASE() AND c.extra LIKE '%auto_increment%' AND t.auto_increment IS NOT NULL
