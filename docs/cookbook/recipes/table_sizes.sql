-- How large are the 20 largest tables, and how much of their files is free?
SELECT
    table_name AS `table`,
    data_length AS data,
    index_length AS `index`,
    data_free AS free,
    CASE WHEN data_length + index_length + data_free > 1000000000
         THEN data_free / (data_length + index_length + data_free) END AS free_ratio
FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'
ORDER BY data_length + index_length + data_free DESC
LIMIT 20
