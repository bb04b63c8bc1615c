-- For how many seconds has the server been up?
SHOW GLOBAL STATUS LIKE 'Uptime'
