"""Getting in with mail and password: checked slowly, and not without end.

Wrong passwords are counted for the account that was named, whether there is one or
not, and for the address that they come from; then nothing is looked at for a while. A
right password counts nothing. What was typed stands in no log and in no event.
"""

from dataclasses import dataclass

from scudo_agent.desk import auth
from scudo_agent.desk.offload import offload
from scudo_agent.desk.passwords import Passwords
from scudo_agent.desk.store.desk_store import DeskStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What became of an attempt: a `session`, or none; `wait_s`: not looked at."""

    session: str = ""
    wait_s: int = 0


class PasswordLogin:
    """Lets people in, one attempt after the other."""

    def __init__(self, store: DeskStore, passwords: Passwords) -> None:
        self._store = store
        self._passwords = passwords
        limits = {"of_all": auth.PASSWORDS_OF_ALL, "span_us": auth.PASSWORD_SPAN_US}
        self._by_account = auth.Guesses(auth.PASSWORDS_OF_ACCOUNT, **limits)
        self._by_client = auth.Guesses(auth.PASSWORDS_OF_ADDRESS, **limits)
        self._told: dict[str, int] = {}

    async def enter(
        self, mail: str, password: str, client: str, *, browser: str = ""
    ) -> Entry:
        """Try to get in; `passwords.BusyError` when too many do at once."""
        store, now = self._store, self._store.now()
        named = auth.fingerprint(mail.strip().lower())
        if (wait_s := self._locked(named, client, now)) > 0:
            if self._news(named if self._by_account.full(named, now) else client, now):
                await offload(store.credentials.locked, mail, client)
            return Entry(wait_s=wait_s)
        account = await offload(store.credentials.account, mail)
        known = None if account is None else account.password_hash
        verdict = await self._passwords.check(known, password)
        if account is None or not verdict.right:
            return Entry()
        self._by_account.right(named, now)
        self._by_client.right(client, now)
        if verdict.rehashed is not None:
            await offload(store.credentials.rehash, account, verdict.rehashed)
        session = auth.new_session()
        begun = await offload(
            store.sessions.begin,
            account.person_id,
            auth.fingerprint(session),
            life_us=auth.SESSION_LIFE_US,
            browser=browser,
        )
        return Entry(session=session) if begun else Entry()

    def _locked(self, named: str, client: str, now: int) -> int:
        """Count this attempt; seconds to wait where it is not even looked at."""
        if not self._by_client.take(client, now):
            return self._by_client.wait_s(client, now)
        if not self._by_account.take(named, now):
            # It is no guess: nobody learns from it whether it was right.
            self._by_client.right(client, now)
            return self._by_account.wait_s(named, now)
        return 0

    def _news(self, key: str, now: int) -> bool:
        """Whether a lock was not told of yet."""
        self._told = {one: at for one, at in self._told.items() if at > now}
        new = key not in self._told
        self._told.setdefault(key, now + auth.PASSWORD_SPAN_US)
        return new
