"""Query files to unbound queries: found, overridden, checked, and not yet for any target."""
