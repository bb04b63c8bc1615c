-- Which accounts may do anything, and come from anywhere? The account wants SELECT on mysql.user, else the query is off.
SELECT COALESCE(NULLIF(user, ''), 'anonymous') AS user, host
FROM mysql.user
WHERE host LIKE '%\%%' AND (super_priv = 'Y' OR grant_priv = 'Y' OR file_priv = 'Y')
