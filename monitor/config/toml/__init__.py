"""TOML files to checked tables: sections that know who said what, shapes, and the list of problems."""
