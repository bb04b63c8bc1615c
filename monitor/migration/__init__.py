"""What the configurations of other exporters become: their YAML in, our targets and queries out; pure."""
