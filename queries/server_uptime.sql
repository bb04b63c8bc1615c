-- For how long has the server been up? One row, with the server's own name: behind one address there may be several.
--
-- A rule counts how often it begins anew. What was up for less than the time between two looks is not seen.
--
-- Cost: the server's status variables, 0.5 to 1 ms; no rows of any table.
SELECT
    CONVERT(@@hostname USING utf8mb4) AS server,
    -- where the clock was set to before the start the server counts below 0, as a number that has no sign
    CASE WHEN s.variable_value + 0 < 1000000000000 THEN s.variable_value + 0 ELSE 0 END AS uptime_seconds
FROM information_schema.global_status s
WHERE s.variable_name = 'UPTIME'
