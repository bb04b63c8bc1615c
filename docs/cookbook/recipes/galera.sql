-- Is the node a ready part of its cluster? MariaDB with Galera only: others have no such status.
SHOW GLOBAL STATUS WHERE Variable_name IN (
    'wsrep_cluster_size', 'wsrep_cluster_status', 'wsrep_connected', 'wsrep_ready', 'wsrep_local_state',
    'wsrep_local_recv_queue_avg', 'wsrep_flow_control_paused'
)
