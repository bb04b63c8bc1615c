-- Which share of the reads of InnoDB was answered from memory since the server started, and how full is that memory?
SELECT
    1 - status.disk_reads / NULLIF(status.requests, 0) AS hit_ratio,
    1 - status.free_pages / NULLIF(status.pages, 0) AS used_ratio
FROM (
    SELECT
        MAX(CASE variable_name WHEN 'Innodb_buffer_pool_reads' THEN variable_value END) AS disk_reads,
        MAX(CASE variable_name WHEN 'Innodb_buffer_pool_read_requests' THEN variable_value END) AS requests,
        MAX(CASE variable_name WHEN 'Innodb_buffer_pool_pages_free' THEN variable_value END) AS free_pages,
        MAX(CASE variable_name WHEN 'Innodb_buffer_pool_pages_total' THEN variable_value END) AS pages
    FROM performance_schema.global_status
    WHERE variable_name LIKE 'Innodb\_buffer\_pool\_%'
) status
