SELECT plan, COUNT(*) AS users FROM users WHERE id > :from_key AND id <= :to_key GROUP BY plan
