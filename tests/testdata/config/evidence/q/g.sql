SELECT plan, COUNT(*) AS users, SUBSTRING_INDEX(GROUP_CONCAT(id), ',', 10) AS list FROM users GROUP BY plan
