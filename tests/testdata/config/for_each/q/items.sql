SELECT name, COUNT(*) AS n FROM orders WHERE age > :days GROUP BY name
