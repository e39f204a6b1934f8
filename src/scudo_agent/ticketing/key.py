"""The agent's key for its desk, as requests carry it."""

from collections.abc import Generator

import httpx

from scudo_agent.config.secret import Secret
from scudo_agent.errors import InputError


def bearer(key: Secret) -> dict[str, str]:
    """The header that carries an agent's key; `InputError` when none can."""
    value = key.reveal()
    if not value.isascii() or not value.isprintable() or " " in value:
        # What is wrong with it is not told: it would be a part of the key.
        raise InputError(f"{key.reference}: is no key of an agent, but other text")
    return {"Authorization": f"Bearer {value}"}


class KeyRing(httpx.Auth):
    """The key in use, and the one before it, for all who speak to the desk.

    A desk that was put back from a copy may know only the key before: when the one
    in use is refused (401) that one is tried, and used from then on if it is taken.
    """

    def __init__(self, present: Secret, before: Secret | None = None) -> None:
        bearer(present)  # refused now, and not at each exchange
        self.present = present
        self._before = before

    def use(self, fresh: Secret) -> None:
        """Go on with another key; the same again changes nothing."""
        bearer(fresh)
        if fresh != self.present:
            self.present, self._before = fresh, self.present

    def auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        """See `httpx.Auth`."""
        used, other = self.present, self._before
        request.headers.update(bearer(used))
        response = yield request
        if response.status_code != httpx.codes.UNAUTHORIZED or other is None:
            return
        request.headers.update(bearer(other))
        response = yield request
        if response.is_success and self.present is used:
            self.present, self._before = other, used
