"""The documentation as a site: how Sphinx reads it, what is in its navigation, and what is checked of it."""
