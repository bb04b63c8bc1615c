-- Do both threads of replication run, of each source? The account wants SELECT on performance_schema.
SELECT
    c.channel_name AS Connection_name,
    CASE c.service_state WHEN 'ON' THEN 'Yes' WHEN 'OFF' THEN 'No' ELSE 'Connecting' END AS Slave_IO_Running,
    IF(a.service_state = 'ON', 'Yes', 'No') AS Slave_SQL_Running
FROM performance_schema.replication_connection_status c
JOIN performance_schema.replication_applier_status a ON a.channel_name = c.channel_name
