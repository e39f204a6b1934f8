"""Database files as files: opened, marked, copied, set aside.

What the agent's store and the desk's database have in common; both are SQLite.
"""
