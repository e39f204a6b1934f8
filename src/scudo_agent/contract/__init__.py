"""Contracts: what was promised to one customer; pure."""
