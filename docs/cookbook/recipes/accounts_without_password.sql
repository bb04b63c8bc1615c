-- Which accounts may come in without a password? The account wants SELECT on mysql.global_priv, else the query is off.
-- One that may come by another way too, such as unix_socket, has several under auth_or and is not meant.
SELECT COALESCE(NULLIF(user, ''), 'anonymous') AS user, host
FROM mysql.global_priv
WHERE COALESCE(JSON_VALUE(priv, '$.plugin'), '') IN ('', 'mysql_native_password', 'mysql_old_password', 'ed25519')
  AND COALESCE(JSON_VALUE(priv, '$.authentication_string'), '') = ''
  AND NOT COALESCE(JSON_VALUE(priv, '$.account_locked'), 0)
  AND NOT COALESCE(JSON_VALUE(priv, '$.is_role'), 0)
  AND JSON_EXISTS(priv, '$.auth_or') = 0
