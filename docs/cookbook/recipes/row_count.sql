-- How many rows does a table have? Counted exactly, which reads an index as a whole.
SELECT COUNT(*) AS rows_now FROM {name}
