"""`python -m scudo_agent`."""

from scudo_agent.cli.main import entry

entry()
