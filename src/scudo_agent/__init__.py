"""Probe a site, keep the account of its uptime, open the ticket first."""

__version__ = "0.1.0"
