-- How long has the oldest transaction been open, and how many have been open for a minute? The account wants PROCESS.
-- trx_started is in the zone of the server's machine, whatever the session's is.
SELECT
    COALESCE(MAX(trx.seconds), 0) AS oldest_seconds,
    COALESCE(SUM(trx.seconds >= 60), 0) AS open_for_a_minute
FROM (
    SELECT TIMESTAMPDIFF(SECOND, CONVERT_TZ(trx_started, 'SYSTEM', '+00:00'), UTC_TIMESTAMP()) AS seconds
    FROM information_schema.innodb_trx
    WHERE trx_mysql_thread_id <> CONNECTION_ID()
) trx
