"""TOML files to checked tables: sections that know who said what, schemas, and the list of problems."""
