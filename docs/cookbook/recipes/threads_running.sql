-- How many statements run at this moment? Far more than processors means that they wait for each other.
SHOW GLOBAL STATUS LIKE 'Threads\_running'
