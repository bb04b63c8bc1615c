SELECT COUNT(*) AS n FROM {name}.orders WHERE id > :since AND id <= :until AND x = :days
