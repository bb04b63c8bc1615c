"""The collector: when a query runs, the run itself, and what becomes of its rows."""
