-- How many statements wait for a row that another one has locked, and how often and how long did they so far?
SHOW GLOBAL STATUS LIKE 'Innodb\_row\_lock\_%'
