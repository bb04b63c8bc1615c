"""What each recipe of docs/cookbook needs on a real server, and what it then gives: its series, and who is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Case:
    """The tables of one recipe with something wrong in them, and what is seen of it.

    `series` have the value that they must have; None: any. `alerts` are the rules that find something in one run,
    as `check` says. What begins with `mysql` is said where that server gives something else.
    """

    tables: tuple[str, ...] = ()
    series: Mapping[str, float | None] = field(default_factory=dict)
    alerts: tuple[str, ...] = ()
    mysql_tables: tuple[str, ...] | None = None
    mysql: Mapping[str, float | None] | None = None
    mysql_alerts: tuple[str, ...] | None = None


CASES = {
    "needed_columns": Case(
        series={
            'schema_column_missing{column="available_at",table="jobs"}': 0,
            'schema_column_missing{column="option_value",table="wp_options"}': 0,
        }
    ),
    "connections_used": Case(
        series={
            "mysql_connections_used_ratio": None,
            "mysql_connections_peak_ratio": None,
        }
    ),
    "threads_running": Case(series={"mysql_threads_running": None}),
    "slow_queries": Case(series={"mysql_slow_queries_total": 0}),
    "aborted_connects": Case(
        series={
            'mysql_aborted_total{Variable_name="Aborted_connects"}': None,
            'mysql_aborted_total{Variable_name="Aborted_clients"}': None,
        }
    ),
    "commands": Case(
        series={
            'mysql_commands_total{Variable_name="Com_select"}': None,
            'mysql_commands_total{Variable_name="Questions"}': None,
        }
    ),
    "server_restarted": Case(
        series={"mysql_uptime_seconds": None}, alerts=("ServerRestarted",)
    ),
    "server_info": Case(series={"mysql_server_info": 1}),
    "server_settings": Case(
        series={
            'mysql_setting{Variable_name="read_only"}': 0,
            'mysql_setting{Variable_name="log_bin"}': 1,
            # the private servers of the tests
            'mysql_setting{Variable_name="innodb_flush_log_at_trx_commit"}': 2,
        },
        alerts=("ServerNotDurable",),
    ),
    "tmp_tables_on_disk": Case(
        series={'mysql_tmp_tables_total{Variable_name="Created_tmp_disk_tables"}': None}
    ),
    "open_files": Case(series={"mysql_open_files_ratio": None}),
    "query_cache": Case(
        series={'mysql_query_cache{Variable_name="Qcache_lowmem_prunes"}': 0}, mysql={}
    ),
    "sessions": Case(
        series={
            'mysql_sessions{state="sessions",user="root"}': None,
            'mysql_sessions{state="busy",user="root"}': None,
        }
    ),
    "buffer_pool": Case(
        series={
            "mysql_innodb_buffer_pool_hit_ratio": None,
            "mysql_innodb_buffer_pool_used_ratio": None,
        }
    ),
    "history_list": Case(series={"mysql_innodb_history_list_length": None}),
    "deadlocks": Case(series={"mysql_innodb_deadlocks_total": 1}),
    "row_locks": Case(
        tables=(
            "CREATE TABLE locked (id INT PRIMARY KEY) ENGINE = InnoDB",
            "INSERT INTO locked VALUES (1), (2)",
        ),
        series={
            'mysql_innodb_row_lock{Variable_name="Innodb_row_lock_current_waits"}': 1,
            'mysql_innodb_row_lock{Variable_name="Innodb_row_lock_waits"}': None,
        },
        alerts=("RowLockWaits",),
    ),
    "long_transactions": Case(
        series={
            "mysql_transaction_oldest_seconds": None,
            "mysql_transactions_long": None,
        },
    ),
    "replication_lag": Case(
        # of a source that is not there the lag is unknown to MariaDB; MySQL has nothing that it would apply
        series={},
        mysql={"mysql_replication_lag_seconds": 0},
    ),
    "replication_threads": Case(
        series={
            'mysql_replication_io{mysql_replication_io="Connecting"}': 1,
            'mysql_replication_io{mysql_replication_io="Yes"}': 0,
            'mysql_replication_sql{mysql_replication_sql="Yes"}': 1,
            'mysql_replication_sql{mysql_replication_sql="No"}': 0,
        },
        alerts=("ReplicationNotFetching",),
    ),
    "galera": Case(
        series={
            'mysql_galera{Variable_name="wsrep_ready"}': 0,
            'mysql_galera{Variable_name="wsrep_cluster_status"}': 0,
            'mysql_galera{Variable_name="wsrep_cluster_size"}': 0,
        },
        alerts=("GaleraNotPrimary", "GaleraNotReady", "GaleraSmall"),
        mysql={},
        mysql_alerts=(),
    ),
    "binlog_space": Case(
        tables=("FLUSH BINARY LOGS",),
        series={"mysql_binlog_bytes": None, "mysql_binlog_files": None},
    ),
    "table_sizes": Case(
        series={
            'mysql_table_bytes{part="data",table="locked"}': 16384,
            'mysql_table_bytes{part="index",table="locked"}': 0,
            'mysql_table_bytes{part="free",table="locked"}': 0,
        }
    ),
    "schema_sizes": Case(
        series={
            'mysql_schema_bytes{schema="shop"}': None,
            'mysql_schema_tables{schema="shop"}': None,
        }
    ),
    "auto_increment_headroom": Case(
        tables=(
            "CREATE TABLE tiny (id TINYINT UNSIGNED PRIMARY KEY AUTO_INCREMENT)",
            "INSERT INTO tiny VALUES (250)",
        ),
        # with four digits, as the server divides integers
        series={'mysql_auto_increment_used_ratio{column="id",table="tiny"}': 0.9804},
        alerts=("AutoIncrementNearEnd",),
    ),
    "foreign_keys_without_index": Case(
        tables=(
            "CREATE TABLE parent (id INT PRIMARY KEY)",
            "CREATE TABLE child (id INT PRIMARY KEY, parent_id INT, KEY by_parent (parent_id),"
            " CONSTRAINT of_parent FOREIGN KEY (parent_id) REFERENCES parent (id))",
            "SET foreign_key_checks = 0",
            "ALTER TABLE child DROP KEY by_parent",
            "SET foreign_key_checks = 1",
        ),
        series={
            'mysql_foreign_key_without_index{column="parent_id",constraint="of_parent",table="child"}': 1
        },
        alerts=("ForeignKeyWithoutIndex",),
        # It drops no index that a foreign key needs, whatever it is told.
        mysql_tables=(),
        mysql={},
        mysql_alerts=(),
    ),
    "tables_without_primary_key": Case(
        tables=("CREATE TABLE heap (n INT)",),
        series={'mysql_table_without_primary_key{table="heap"}': 1},
        alerts=("TableWithoutPrimaryKey",),
    ),
    "accounts_without_password": Case(
        tables=(
            "CREATE USER careless@'10.0.0.1'",
            "CREATE USER careful@'10.0.0.1' IDENTIFIED BY 'p5-Dx!kk'",
        ),
        series={'mysql_account_without_password{host="10.0.0.1",user="careless"}': 1},
        alerts=("AccountWithoutPassword",),
    ),
    "accounts_with_all_rights": Case(
        tables=(
            "CREATE USER mighty@'%' IDENTIFIED BY 'p5-Dx!kk'",
            "GRANT ALL ON *.* TO mighty@'%'",
        ),
        series={'mysql_account_with_all_rights{host="%",user="mighty"}': 1},
        alerts=("AccountWithAllRights",),
    ),
    "magento_cron": Case(
        tables=(
            "CREATE TABLE cron_schedule (schedule_id INT UNSIGNED PRIMARY KEY AUTO_INCREMENT, job_code VARCHAR(255)"
            " NOT NULL DEFAULT '0', status VARCHAR(7) NOT NULL DEFAULT 'pending', messages TEXT, created_at TIMESTAMP"
            " NULL, scheduled_at TIMESTAMP NULL, executed_at TIMESTAMP NULL, finished_at TIMESTAMP NULL)",
            "INSERT INTO cron_schedule (job_code, status, scheduled_at, executed_at) VALUES"
            " ('sales_clean_quotes', 'running', NOW() - INTERVAL 2 HOUR, NOW() - INTERVAL 2 HOUR),"
            " ('indexer_update_all_views', 'pending', NOW() - INTERVAL 30 MINUTE, NULL),"
            " ('indexer_update_all_views', 'pending', NOW() + INTERVAL 30 MINUTE, NULL)",
        ),
        series={
            'magento_cron_jobs{status="running"}': 1,
            'magento_cron_jobs{status="pending"}': 2,
            'magento_cron_oldest_seconds{status="running"}': None,
        },
        alerts=("MagentoCronGone", "MagentoCronLate", "MagentoCronStuck"),
    ),
    "magento_indexers": Case(
        tables=(
            "CREATE TABLE indexer_state (state_id INT UNSIGNED PRIMARY KEY AUTO_INCREMENT, indexer_id VARCHAR(255),"
            " status VARCHAR(16) DEFAULT 'invalid', updated DATETIME, hash_config VARCHAR(32) NOT NULL)",
            "INSERT INTO indexer_state (indexer_id, status, hash_config) VALUES"
            " ('catalog_product_price', 'invalid', ''), ('customer_grid', 'valid', '')",
        ),
        series={
            'magento_indexer_state{indexer="catalog_product_price",magento_indexer_state="invalid"}': 1,
            'magento_indexer_state{indexer="customer_grid",magento_indexer_state="invalid"}': 0,
            'magento_indexer_state{indexer="customer_grid",magento_indexer_state="valid"}': 1,
        },
        alerts=("MagentoIndexerInvalid",),
    ),
    "magento_queue": Case(
        tables=(
            "CREATE TABLE queue (id INT UNSIGNED PRIMARY KEY AUTO_INCREMENT, name VARCHAR(255) UNIQUE)",
            "CREATE TABLE queue_message_status (id BIGINT UNSIGNED PRIMARY KEY AUTO_INCREMENT, queue_id INT UNSIGNED"
            " NOT NULL, message_id BIGINT UNSIGNED NOT NULL, updated_at TIMESTAMP NULL, status SMALLINT UNSIGNED"
            " NOT NULL, number_of_trials SMALLINT UNSIGNED NOT NULL DEFAULT 0)",
            "INSERT INTO queue (name) VALUES ('async.operations.all'), ('export')",
            "INSERT INTO queue_message_status (queue_id, message_id, status) VALUES"
            " (1, 1, 2), (1, 2, 2), (1, 3, 6), (2, 4, 4)",
        ),
        series={
            'magento_queue_messages{queue="async.operations.all",state="new"}': 2,
            'magento_queue_messages{queue="async.operations.all",state="error"}': 1,
            'magento_queue_messages{queue="export",state="error"}': 0,
        },
        alerts=("MagentoQueueErrors",),
    ),
    "wordpress_autoload": Case(
        tables=(
            "CREATE TABLE wp_options (option_id BIGINT UNSIGNED PRIMARY KEY AUTO_INCREMENT, option_name VARCHAR(191)"
            " NOT NULL UNIQUE, option_value LONGTEXT NOT NULL, autoload VARCHAR(20) NOT NULL DEFAULT 'yes')",
            "INSERT INTO wp_options (option_name, option_value, autoload) VALUES"
            " ('stats', REPEAT('x', 900000), 'on'), ('siteurl', 'https://x', 'yes'),"
            " ('cache', REPEAT('x', 9000000), 'off')",
        ),
        series={"wordpress_autoload_bytes": 900009, "wordpress_autoload_options": 2},
        alerts=("WordPressAutoloadLarge",),
    ),
    "woocommerce_actions": Case(
        tables=(
            "CREATE TABLE wp_actionscheduler_actions (action_id BIGINT UNSIGNED PRIMARY KEY AUTO_INCREMENT, hook"
            " VARCHAR(191) NOT NULL, status VARCHAR(20) NOT NULL, scheduled_date_gmt DATETIME NULL)",
            "INSERT INTO wp_actionscheduler_actions (hook, status, scheduled_date_gmt) VALUES"
            " ('send', 'pending', NOW() - INTERVAL 3 HOUR), ('send', 'pending', NOW() + INTERVAL 3 HOUR),"
            " ('send', 'failed', NOW() - INTERVAL 1 DAY), ('send', 'complete', NOW() - INTERVAL 1 DAY)",
        ),
        series={
            'woocommerce_actions{status="pending"}': 2,
            'woocommerce_actions{status="failed"}': 1,
        },
        alerts=("WooCommerceActionsPastDue",),
    ),
    "woocommerce_orders": Case(
        tables=(
            "CREATE TABLE wp_wc_orders (id BIGINT UNSIGNED PRIMARY KEY AUTO_INCREMENT, status VARCHAR(20), type"
            " VARCHAR(20), date_created_gmt DATETIME)",
            "INSERT INTO wp_wc_orders (status, type, date_created_gmt) VALUES"
            " ('wc-processing', 'shop_order', NOW() - INTERVAL 4 HOUR), ('wc-processing', 'shop_order', NOW() -"
            " INTERVAL 1 DAY), ('wc-failed', 'shop_order', NOW()),"
            " ('wc-failed', 'shop_order', NOW() - INTERVAL 60 DAY)",
        ),
        series={
            'woocommerce_orders{status="processing"}': 2,
            'woocommerce_orders{status="failed"}': 1,
            'woocommerce_orders_newest_seconds{status="processing"}': None,
        },
        alerts=("WooCommerceOrdersStopped",),
    ),
    "laravel_jobs": Case(
        tables=(
            "CREATE TABLE jobs (id BIGINT UNSIGNED PRIMARY KEY AUTO_INCREMENT, queue VARCHAR(255) NOT NULL, payload"
            " LONGTEXT NOT NULL, attempts TINYINT UNSIGNED NOT NULL, reserved_at INT UNSIGNED NULL, available_at INT"
            " UNSIGNED NOT NULL, created_at INT UNSIGNED NOT NULL, KEY (queue))",
            "INSERT INTO jobs (queue, payload, attempts, reserved_at, available_at, created_at) VALUES"
            " ('default', '', 0, NULL, UNIX_TIMESTAMP() - 1000, 0), ('default', '', 1, UNIX_TIMESTAMP(), 0, 0),"
            " ('mail', '', 0, NULL, UNIX_TIMESTAMP() + 1000, 0)",
        ),
        series={
            'laravel_jobs{queue="default",state="waiting"}': 1,
            'laravel_jobs{queue="default",state="running"}': 1,
            'laravel_jobs_oldest_seconds{queue="default"}': None,
            'laravel_jobs_oldest_seconds{queue="mail"}': 0,
        },
        alerts=("LaravelJobsWait",),
    ),
    "laravel_failed_jobs": Case(
        tables=(
            "CREATE TABLE failed_jobs (id BIGINT UNSIGNED PRIMARY KEY AUTO_INCREMENT, uuid VARCHAR(255) UNIQUE,"
            " connection TEXT NOT NULL, queue VARCHAR(255) NOT NULL, payload LONGTEXT NOT NULL, exception LONGTEXT"
            " NOT NULL, failed_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)",
            "INSERT INTO failed_jobs (uuid, connection, queue, payload, exception, failed_at) VALUES"
            " ('a', '', 'default', '', '', NOW()), ('b', '', 'default', '', '', NOW() - INTERVAL 1 DAY),"
            " ('c', '', 'mail', '', '', NOW() - INTERVAL 1 DAY)",
        ),
        series={
            'laravel_failed_jobs{queue="default"}': 2,
            'laravel_failed_jobs{queue="mail"}': 1,
        },
        alerts=("LaravelJobsFail",),
    ),
    "mail_outbox": Case(
        tables=(
            "CREATE TABLE post_office_email (id INT PRIMARY KEY AUTO_INCREMENT, status SMALLINT UNSIGNED NULL,"
            " created DATETIME(6) NOT NULL, last_updated DATETIME(6) NOT NULL)",
            "INSERT INTO post_office_email (status, created, last_updated) VALUES"
            " (0, NOW() - INTERVAL 5 SECOND, NOW()), (0, NOW() - INTERVAL 30 SECOND, NOW()),"
            " (0, NOW() - INTERVAL 2 DAY, NOW() - INTERVAL 2 DAY), (1, NOW(), NOW()),"
            " (2, NOW() - INTERVAL 1 HOUR, NOW() - INTERVAL 1 HOUR)",
        ),
        series={
            'mail_outbox{state="queued"}': 1,
            'mail_outbox{state="failed"}': 1,
            'mail_outbox_wait_seconds_bucket{le="10.0"}': 1,
            'mail_outbox_wait_seconds_bucket{le="60.0"}': 2,
            'mail_outbox_wait_seconds_bucket{le="+Inf"}': 2,
            "mail_outbox_wait_seconds_count": 2,
            "mail_outbox_wait_seconds_sum": 35,
        },
        alerts=("MailsFail", "MailsWait"),
    ),
    "table_freshness": Case(
        tables=(
            "CREATE TABLE orders (id INT PRIMARY KEY, created_at DATETIME)",
            "CREATE TABLE imports (id INT PRIMARY KEY, finished_at DATETIME)",
            "INSERT INTO imports VALUES (1, NOW() - INTERVAL 3 HOUR)",
        ),
        series={'table_age_seconds{table="imports"}': None},
        alerts=("TableEmpty", "TableStale"),
    ),
    "row_count": Case(
        tables=(
            "CREATE TABLE customers (id INT PRIMARY KEY)",
            "CREATE TABLE products (id INT PRIMARY KEY)",
            "INSERT INTO customers VALUES (1), (2), (3)",
        ),
        series={'table_rows{table="customers"}': 3, 'table_rows{table="products"}': 0},
    ),
}
"""By the name of the recipe."""
