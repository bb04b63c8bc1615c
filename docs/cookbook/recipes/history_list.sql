-- How many changes wait to be purged? It grows as long as a transaction stays open that may still want to see them.
SELECT COUNT AS changes FROM information_schema.innodb_metrics WHERE NAME = 'trx_rseg_history_len'
