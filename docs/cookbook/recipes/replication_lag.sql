-- How many seconds is each source's replication behind? NULL where it stands: replication_threads tells of that.
SHOW ALL REPLICAS STATUS
