-- Do both threads of replication run, of each source?
SHOW ALL REPLICAS STATUS
