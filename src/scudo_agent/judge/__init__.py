"""Judging: from observations to states, isolation and incidents; pure."""
