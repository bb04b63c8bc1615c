-- Which accounts may come in without a password? The account wants SELECT on mysql.user, else the query is off.
SELECT COALESCE(NULLIF(user, ''), 'anonymous') AS user, host
FROM mysql.user
WHERE plugin IN ('mysql_native_password', 'caching_sha2_password', 'sha256_password')
  AND COALESCE(authentication_string, '') = '' AND account_locked = 'N'
