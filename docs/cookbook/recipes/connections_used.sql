-- Which share of the connections that the server allows is in use, and was at most since it started?
SELECT
    MAX(CASE variable_name WHEN 'Threads_connected' THEN variable_value END) / @@global.max_connections AS used_ratio,
    MAX(CASE variable_name WHEN 'Max_used_connections' THEN variable_value END) / @@global.max_connections AS peak_ratio
FROM information_schema.global_status
WHERE variable_name IN ('Threads_connected', 'Max_used_connections')
