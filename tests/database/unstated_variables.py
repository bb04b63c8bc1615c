"""The session variables that may have any value, each with the reason why no result is wrong by it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_COST = "it changes what a statement costs, and may be how the operator keeps clear of a defect of the server"
_LOUD = "a statement that reaches it fails with an error"
_WRITES = "it matters to statements that write or change tables, and ours read"
_LOGS = "it says what the server writes into its logs"
_REPLICATION = "it matters to what is replicated"
_EXPLAIN = "our EXPLAIN names its format"
_PROTOCOL = "our connection does not ask for it"
_STAMPS = "it is the session's own, of its writes or of random numbers"
_SHOW_CREATE = "it changes what SHOW CREATE says, which is no number"
_DEFAULTS = "it is a default for new tables, or of the schema that is entered"
_FULLTEXT = "it matters when a full-text index is made"
_DATA = "it says how the installation stores its data"

_NAMES = {
    _COST: """
        analyze_max_length analyze_sample_percentage aria_repair_threads aria_sort_buffer_size
        aria_stats_method bulk_insert_buffer_size connection_memory_chunk_size
        enable_secondary_engine_statistics eq_range_index_dive_limit expensive_subquery_limit
        histogram_generation_max_mem_size histogram_size histogram_type in_predicate_conversion_threshold
        innodb_parallel_read_threads internal_tmp_mem_storage_engine join_buffer_size
        join_buffer_space_limit join_cache_level max_heap_table_size max_length_for_sort_data
        max_rowid_filter_size max_seeks_for_key mrr_buffer_size myisam_repair_threads
        myisam_sort_buffer_size myisam_stats_method optimizer_adjust_secondary_key_costs
        optimizer_extra_pruning_depth optimizer_join_limit_pref_ratio optimizer_max_sel_arg_weight
        optimizer_max_sel_args optimizer_max_subgraph_pairs optimizer_prune_level optimizer_search_depth
        optimizer_selectivity_sampling_limit optimizer_switch optimizer_use_condition_selectivity
        preload_buffer_size query_alloc_block_size query_cache_strip_comments query_cache_type
        query_cache_wlock_invalidate query_prealloc_size range_alloc_block_size range_optimizer_max_mem_size
        read_buffer_size read_rnd_buffer_size rowid_merge_buff_size secondary_engine_cost_threshold
        set_operations_buffer_size sort_buffer_size sql_buffer_result thread_pool_priority
        tmp_memory_table_size tmp_table_size transaction_alloc_block_size transaction_prealloc_size
        use_stat_tables
    """,
    _LOUD: """
        connection_memory_limit deadlock_search_depth_long deadlock_search_depth_short deadlock_timeout_long
        deadlock_timeout_short global_connection_memory_tracking idle_readonly_transaction_timeout
        idle_transaction_timeout idle_write_transaction_timeout interactive_timeout max_points_in_geometry
        max_session_mem_used max_sp_recursion_depth max_tmp_tables net_read_timeout net_retry_count
        parser_max_mem_size tmp_disk_table_size max_allowed_packet net_buffer_length max_user_connections
        group_replication_consistency wsrep_causal_reads
    """,
    _WRITES: """
        alter_algorithm auto_increment_increment auto_increment_offset check_constraint_checks
        column_compression_threshold column_compression_zlib_level column_compression_zlib_strategy
        column_compression_zlib_wrap completion_type enable_cascade_triggers explicit_defaults_for_timestamp
        foreign_key_checks generated_random_password_length innodb_compression_default
        innodb_ddl_buffer_size innodb_ddl_threads innodb_default_encryption_key_id innodb_snapshot_isolation
        innodb_strict_mode innodb_table_locks innodb_tmpdir keep_files_on_create low_priority_updates
        max_delayed_threads max_insert_delayed_threads old_alter_table old_passwords
        restrict_fk_on_non_standard_key select_into_buffer_size select_into_disk_sync
        select_into_disk_sync_delay sql_generate_invisible_primary_key sql_if_exists sql_require_primary_key
        sql_warnings system_versioning_alter_history system_versioning_insert_history
        transaction_allow_batching unique_checks updatable_views_with_limit wsrep_osu_method
        wsrep_retry_autocommit wsrep_trx_fragment_size wsrep_trx_fragment_unit xa_detach_on_prepare
    """,
    _LOGS: """
        log_disabled_statements log_queries_not_using_indexes log_slow_admin_statements
        log_slow_disabled_statements log_slow_filter log_slow_max_warnings log_slow_min_examined_row_limit
        log_slow_query log_slow_query_time log_slow_rate_limit log_slow_slave_statements log_slow_verbosity
        log_warnings long_query_time min_examined_row_limit note_verbosity profiling_history_size
        progress_report_time slow_query_log sql_log_off
    """,
    _REPLICATION: """
        binlog_alter_two_phase binlog_annotate_row_events binlog_direct_non_transactional_updates
        binlog_format binlog_row_image binlog_row_value_options binlog_rows_query_log_events
        binlog_transaction_compression binlog_transaction_compression_level_zstd default_master_connection
        gtid_domain_id gtid_next gtid_seq_no immediate_server_version max_relay_log_size
        original_commit_timestamp original_server_version pseudo_replica_mode pseudo_slave_mode
        rbr_exec_mode require_row_format server_id skip_parallel_replication skip_replication sql_log_bin
        sql_slave_skip_counter wsrep_gtid_seq_no wsrep_on
    """,
    _EXPLAIN: """
        end_markers_in_json explain_format explain_json_format_version optimizer_trace
        optimizer_trace_features optimizer_trace_limit optimizer_trace_max_mem_size optimizer_trace_offset
        terminology_use_previous
    """,
    _PROTOCOL: """
        resultset_metadata session_track_gtids session_track_schema session_track_state_change
        session_track_system_variables session_track_transaction_info tcp_nodelay
    """,
    _STAMPS: "identity insert_id last_insert_id pseudo_thread_id rand_seed1 rand_seed2",
    _SHOW_CREATE: """
        print_identified_with_as_hex show_create_table_skip_secondary_engine show_create_table_verbosity
    """,
    _DEFAULTS: """
        character_set_database character_set_filesystem character_set_server collation_database
        collation_server default_storage_engine default_table_encryption default_tmp_storage_engine
        enforce_storage_engine external_table_secondary_storage_engine external_table_storage_engine
        storage_engine
    """,
    _FULLTEXT: "innodb_ft_enable_stopword innodb_ft_user_stopword_table",
    _DATA: "block_encryption_mode",
}

UNSTATED: Mapping[str, str] = MappingProxyType(
    {name: reason for reason, names in _NAMES.items() for name in names.split()}
)
"""The reason for each."""
