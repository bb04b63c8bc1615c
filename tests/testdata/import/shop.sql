CREATE TABLE orders (id INT PRIMARY KEY, state VARCHAR(20), country CHAR(2), amount DECIMAL(10, 2), placed_at DATETIME);
INSERT INTO orders VALUES
  (1, 'paid', 'DE', 10.50, NOW() - INTERVAL 10 MINUTE), (2, 'paid', 'FR', 20.25, NOW() - INTERVAL 20 MINUTE),
  (3, 'open', 'DE', 5.00, NOW() - INTERVAL 2 DAY), (4, 'stuck', NULL, NULL, NOW() - INTERVAL 3 DAY),
  (5, 'open', 'DE', 7.75, NOW() - INTERVAL 1 HOUR);
CREATE TABLE jobs (id INT PRIMARY KEY, queue VARCHAR(20), state VARCHAR(20), waited INT);
INSERT INTO jobs VALUES (1, 'mail', 'running', 3), (2, 'mail', 'waiting', 40), (3, 'export', 'failed', 700);
CREATE TABLE pages (page VARCHAR(40) PRIMARY KEY, hits BIGINT UNSIGNED);
INSERT INTO pages VALUES ('/', 12345678901), ('/it''s "here"\\', 7);
CREATE TABLE stock (item VARCHAR(20) PRIMARY KEY, amount INT, threshold INT);
INSERT INTO stock VALUES ('apple', 5, 10), ('pear', NULL, 10), ('plum', 0, 0);
