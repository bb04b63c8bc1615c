-- How many messages wait in each queue of Magento that is kept in the database, and in which state?
SELECT
    q.name AS queue,
    SUM(s.status = 2) AS new,
    SUM(s.status = 3) AS in_progress,
    SUM(s.status = 5) AS retry,
    SUM(s.status = 6) AS error
FROM queue_message_status s
JOIN queue q ON q.id = s.queue_id
GROUP BY q.name
