"""Kind `apprise`: one of the hundred services of the library Apprise that have no kind of their own; an extra."""
