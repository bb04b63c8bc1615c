SELECT COUNT(*) AS n FROM {name}.orders WHERE shop = :shop
