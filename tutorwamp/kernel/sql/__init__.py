"""SQL: the database, its threads, its schema, and streams of events in it."""
