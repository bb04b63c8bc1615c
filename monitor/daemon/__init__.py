"""The process around the pipe: how it starts, and what it tells of that."""
