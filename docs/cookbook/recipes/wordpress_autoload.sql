-- How many bytes does WordPress read at each request? Above 800 kB its own Site Health warns.
SELECT COALESCE(SUM(LENGTH(option_value)), 0) AS bytes, COUNT(*) AS options
FROM {options}
WHERE autoload IN ('yes', 'on', 'auto', 'auto-on')
