"""Values of session variables that a hoster, an init_connect or a proxy's other client may leave behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from monitor.model.settings import Flavor

_FLAGS = (
    "ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,HIGH_NOT_PRECEDENCE,PAD_CHAR_TO_FULL_LENGTH,"
    "NO_UNSIGNED_SUBTRACTION,IGNORE_SPACE,ONLY_FULL_GROUP_BY,NO_ZERO_DATE,NO_ZERO_IN_DATE"
)
_BOTH = {
    "sql_select_limit": "0",
    "max_join_size": "1",
    "sql_big_selects": "0",
    "sql_auto_is_null": "1",
    "sql_quote_show_create": "0",
    "sql_safe_updates": "1",
    "sql_notes": "1",
    "sql_buffer_result": "1",
    "group_concat_max_len": "4",
    "max_sort_length": "8",
    "div_precision_increment": "0",
    "default_week_format": "3",
    "lc_time_names": "'de_DE'",
    "lc_messages": "'de_DE'",
    "time_zone": "'-05:00'",
    "timestamp": "1000000000",
    "character_set_client": "latin1",
    "character_set_results": "latin1",
    "character_set_connection": "latin1",
    "collation_connection": "utf8mb4_bin",
    "max_error_count": "0",
    "autocommit": "0",
    "big_tables": "1",
    "profiling": "1",
    "lock_wait_timeout": "1000",
    "innodb_lock_wait_timeout": "1000",
    "wait_timeout": "28000",
    "net_write_timeout": "1",
    # Not stated, since they change what a statement costs and not what it answers.
    "optimizer_prune_level": "0",
    "optimizer_search_depth": "1",
    "eq_range_index_dive_limit": "1",
    "join_buffer_size": "128",
    "sort_buffer_size": "32768",
    "tmp_table_size": "1024",
    "max_heap_table_size": "16384",
    "max_seeks_for_key": "1",
}
_MARIADB = {
    "sql_mode": f"'{_FLAGS},EMPTY_STRING_IS_NULL,TIME_ROUND_FRACTIONAL'",
    "max_statement_time": "900",
    "old_mode": "''",
    "old": "1",
    "default_regex_flags": "'EXTENDED,DOTALL'",
    "standard_compliant_cte": "0",
    "max_recursive_iterations": "3",
    "system_versioning_asof": "'2020-01-01 00:00:00'",
    "wsrep_dirty_reads": "1",
    "wsrep_sync_wait": "7",
    "tx_isolation": "'READ-UNCOMMITTED'",
    "tx_read_only": "0",
    "join_cache_level": "0",
    "in_predicate_conversion_threshold": "2",
    "optimizer_use_condition_selectivity": "1",
    "use_stat_tables": "'never'",
    "optimizer_switch": "'derived_merge=off,derived_with_keys=off,semijoin=off,materialization=off'",
}
_MYSQL = {
    "sql_mode": f"'{_FLAGS},TIME_TRUNCATE_FRACTIONAL'",
    "max_execution_time": "900000",
    "default_collation_for_utf8mb4": "utf8mb4_general_ci",
    "cte_max_recursion_depth": "3",
    "information_schema_stats_expiry": "86400",
    "windowing_use_high_precision": "0",
    "show_gipk_in_create_table_and_information_schema": "0",
    "use_secondary_engine": "FORCED",
    "transaction_isolation": "'READ-UNCOMMITTED'",
    "transaction_read_only": "0",
    "range_optimizer_max_mem_size": "1",
    "explain_format": "JSON",
    "optimizer_switch": "'derived_merge=off,semijoin=off,hash_join=off,subquery_to_derived=on'",
}


def hostile_values(flavor: Flavor) -> Mapping[str, str]:
    """Return for each variable a value, as SQL, that is not the stated one."""
    match flavor:
        case Flavor.MARIADB:
            return _BOTH | _MARIADB
        case Flavor.MYSQL:
            return _BOTH | _MYSQL
        case _:
            assert_never(flavor)
