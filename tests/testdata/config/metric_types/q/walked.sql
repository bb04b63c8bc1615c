SELECT 'ON' AS state FROM t WHERE id > :since AND id <= :until
