-- What do the switches say that decide whether data survives, and whether anything is written?
SHOW GLOBAL VARIABLES WHERE Variable_name IN (
    'read_only', 'event_scheduler', 'slow_query_log', 'log_bin', 'sync_binlog', 'innodb_flush_log_at_trx_commit'
)
