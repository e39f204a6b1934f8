"""The agent's SQLite store."""
