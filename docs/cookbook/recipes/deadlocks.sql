-- How many deadlocks were there since the server started?
SHOW GLOBAL STATUS LIKE 'Innodb\_deadlocks'
