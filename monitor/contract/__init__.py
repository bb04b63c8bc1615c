"""What statements need of a schema: of a query's own SQL, and of the application's; the only room that parses SQL."""
