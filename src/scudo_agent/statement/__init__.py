"""Accounts for people: in words, and as a page with its charts."""
