-- a comment
DELETE FROM users
