"""Where a database server is, as settings name it."""

from dataclasses import dataclass

from scudo_agent.config.secret import Secret


@dataclass(frozen=True, slots=True)
class Server:
    """The address of a PostgreSQL database, and the password that is not in it."""

    url: str
    password: Secret | None = None
