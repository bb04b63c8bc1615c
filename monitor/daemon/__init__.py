"""The process around the pipe: built from its parts, started, reloaded and stopped."""
