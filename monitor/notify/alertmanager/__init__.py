"""Kind `alertmanager`: all that is active, again and again, to every address of a cluster."""
