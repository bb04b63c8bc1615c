-- Does every table and column exist that the application's own statements name?
-- One row per column of the tables that they name (:application_tables, with commas, and :application_pattern for those
-- of which the source has only a part of the name). What is compared with it is read from the application's source,
-- by [contract] in config.toml; the result has what of that is missing, with where it is named, and counts.
--
-- Names are compared as the server does: columns without regard to case, tables by lower_case_table_names.
-- information_schema shows only what the account may see: what looks missing is touched before it is believed.
--
-- Names are sought in the list by their bytes, in small letters: by a collation that takes several times as long.
--
-- Cost: reads the definitions of these tables alone, however many others there are; no rows of any table.
SELECT
    CASE WHEN @@lower_case_table_names = 0 THEN CONVERT(c.table_name USING utf8mb4)
         ELSE LOWER(CONVERT(c.table_name USING utf8mb4)) END AS table_name,
    LOWER(CONVERT(c.column_name USING utf8mb4)) AS column_name,
    CONVERT(c.column_type USING utf8mb4) AS column_type,
    @@lower_case_table_names <> 0 AS is_folded
FROM information_schema.columns c
WHERE c.table_schema = DATABASE()
  AND (
      FIND_IN_SET(LOWER(CONVERT(c.table_name USING utf8mb4)) COLLATE utf8mb4_bin, :application_tables) > 0
      -- ^$ is the pattern of none
      OR (:application_pattern <> '^$' AND LOWER(CONVERT(c.table_name USING utf8mb4)) REGEXP :application_pattern)
  )
