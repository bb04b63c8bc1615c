"""What must not be seen: secrets, keys, and the files that they are in."""
