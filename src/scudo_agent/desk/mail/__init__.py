"""Mails out: composing them and handing them to a server or a Maildir."""
