"""Ticket systems behind one port; our own desk first."""
