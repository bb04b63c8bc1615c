-- How many connects failed (wrong password, no right, not in time), and how many clients went without a word?
SHOW GLOBAL STATUS WHERE Variable_name IN ('Aborted_connects', 'Aborted_clients')
