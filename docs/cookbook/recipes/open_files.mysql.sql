-- Which share of the files that the server may have open are open?
SELECT variable_value / NULLIF(@@global.open_files_limit, 0) AS used_ratio
FROM performance_schema.global_status
WHERE variable_name = 'Open_files'
