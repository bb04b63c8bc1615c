-- How many deadlocks were there since the server started? The account wants PROCESS.
SELECT COUNT AS Value FROM information_schema.innodb_metrics WHERE NAME = 'lock_deadlocks'
