SELECT 'ON' AS state, 1 AS n
