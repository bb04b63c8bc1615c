"""The parts of scripts/scorecard: an application, its database, the monitor on it, and what goes wrong there."""
