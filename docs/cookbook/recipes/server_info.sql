-- Which server is it?
SELECT VERSION() AS version, @@version_comment AS edition, @@hostname AS host
