"""config.toml to one frozen Config, with every problem at once."""
