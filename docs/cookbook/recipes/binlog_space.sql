-- How large are the binary logs, all together? The account wants REPLICATION CLIENT, on MariaDB BINLOG MONITOR.
SHOW BINARY LOGS
