-- Which foreign keys have no index that begins with their column? Each DELETE of a parent then reads the whole table.
SELECT k.table_name AS `table`, k.constraint_name AS `constraint`, k.column_name AS `column`
FROM information_schema.key_column_usage k
LEFT JOIN information_schema.statistics i
    ON i.table_schema = k.table_schema AND i.table_name = k.table_name
   AND i.column_name = k.column_name AND i.seq_in_index = 1
WHERE k.table_schema = DATABASE() AND k.referenced_table_name IS NOT NULL AND k.ordinal_position = 1
  AND i.index_name IS NULL
