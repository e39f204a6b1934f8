"""Alembic's folder: `env.py` and one file a step; released steps never change."""
