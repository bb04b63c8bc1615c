-- How many temporary tables did statements need, and how many of them were too large for memory?
SHOW GLOBAL STATUS WHERE Variable_name IN ('Created_tmp_tables', 'Created_tmp_disk_tables', 'Created_tmp_files')
