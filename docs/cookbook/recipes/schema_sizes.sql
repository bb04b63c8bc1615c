-- How large is the schema?
SELECT COALESCE(SUM(data_length + index_length), 0) AS bytes, COUNT(*) AS tables
FROM information_schema.tables
WHERE table_schema = :name AND table_type = 'BASE TABLE'
