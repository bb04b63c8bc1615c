"""What stands in query files, read and checked; a part of the configuration."""
