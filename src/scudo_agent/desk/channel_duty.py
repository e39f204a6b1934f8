"""Making the calls by channels that wait: some at once, none of them twice."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from scudo_agent.desk import rounds
from scudo_agent.desk.call_notice import short_call
from scudo_agent.desk.channels import kind_of, send
from scudo_agent.desk.on_call_settings import OnCallSettings
from scudo_agent.desk.rounds import Rounds
from scudo_agent.desk.settings import DeskSettings
from scudo_agent.desk.store.channel_calls import ChannelCall
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.instant import Instant
from scudo_agent.locale import translator

AT_ONCE = 4
_log = logging.getLogger(__name__)


class ChannelDuty:
    """Claims calls and makes them; `language` is of who has chosen none."""

    def __init__(
        self,
        store: DeskStore,
        settings: OnCallSettings,
        *,
        url: Callable[[], str],
        language: str,
    ) -> None:
        self._calls = store.channels
        self._settings = settings
        self._url = url
        self._language = language

    def make_due(self) -> tuple[int, Instant | None]:
        """Make all calls that wait; how many. Blocks for as long as they take."""
        total = 0
        with ThreadPoolExecutor(AT_ONCE, "desk channels") as pool:
            while claimed := self._claimed():
                total += len(list(pool.map(self._make, claimed)))
        return total, None

    def _claimed(self) -> list[ChannelCall]:
        found: list[ChannelCall] = []
        while len(found) < AT_ONCE and (one := self._calls.claim()) is not None:
            found.append(one)
        return found

    def _make(self, one: ChannelCall) -> None:
        kind = kind_of(one.url)
        if kind not in self._settings.channels:
            error = f"the desk's settings allow no '{kind}'"
        else:
            speaks = translator(one.language or self._language)
            title, body = short_call(one.line, speaks, url=self._url(), token=one.token)
            error = send(one.url, title, body, allow=self._settings.allow)
        if error:
            _log.error("call %d by '%s' failed: %s", one.call_id, kind, error)
        if not self._calls.done(one, error):
            _log.warning("call %d was over when it was made", one.call_id)


def by_channels(
    store: DeskStore, settings: DeskSettings, url: Callable[[], str]
) -> Rounds | None:
    """What calls by channels other than mail; None where there may be none."""
    given = settings.on_call
    if given is None or not given.channels:
        return None
    duty = ChannelDuty(store, given, url=url, language=settings.provider.language)
    return rounds.channels(duty.make_due, store, lambda: None)
