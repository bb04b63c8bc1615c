"""The parts of scripts/bench: each is a module with `run(options) -> list[Row]`."""
