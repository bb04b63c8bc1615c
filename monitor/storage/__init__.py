"""Keep the state's files: private, within bounds, copied whole; beside the tables that `state` holds."""
