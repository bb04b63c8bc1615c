-- How old is the newest row of a table into which something ought to come?
SELECT TIMESTAMPDIFF(SECOND, MAX({column}), UTC_TIMESTAMP()) AS age_seconds FROM {name}
