"""The edge to MySQL and MariaDB: connect, run one statement within its limits, name the error."""
