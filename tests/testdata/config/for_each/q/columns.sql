SELECT COUNT(*) AS n FROM {table} WHERE age > :days
