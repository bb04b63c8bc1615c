SELECT plan, 1 AS n, 1 AS b, 1 AS s FROM orders
