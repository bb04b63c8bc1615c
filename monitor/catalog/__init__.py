"""Query files to queries: SQL templates, their guard, and what their columns mean."""
