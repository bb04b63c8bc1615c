-- What does the query cache do? MariaDB only: MySQL has none, and gives no rows.
SHOW GLOBAL STATUS LIKE 'Qcache\_%'
