-- How many statements took longer than long_query_time, since the server started?
SHOW GLOBAL STATUS LIKE 'Slow\_queries'
