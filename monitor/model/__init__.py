"""The frozen values that travel the pipe: settings, results, alerts."""
