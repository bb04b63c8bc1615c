-- How many statements of each kind ran since the server started?
SHOW GLOBAL STATUS WHERE Variable_name IN (
    'Com_select', 'Com_insert', 'Com_update', 'Com_delete', 'Com_replace', 'Com_commit', 'Com_rollback', 'Questions'
)
