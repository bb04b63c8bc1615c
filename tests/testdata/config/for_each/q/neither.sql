SELECT COUNT(*) AS n FROM {nmae}.orders
