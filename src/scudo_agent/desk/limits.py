"""What a client may cost the desk: time for its headers, and requests a second."""

import asyncio
from collections import OrderedDict
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADERS_S = 10.0
"""A connection that has not sent a request's headers by then is cut."""

CONNECTIONS = 1_000
"""Together, at most; more are told to come back."""

RATE = 50.0
BURST = 500.0
"""Requests a second of one agent, and how many it may have saved up: a drain after
three days offline takes a fraction of that."""

_AGENTS = 10_000


class PatientProtocol(HttpToolsProtocol):
    """HTTP/1.1 that does not wait for ever for a request to begin."""

    _slow: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A client is here: its first request is due."""
        super().connection_made(transport)
        self._expect()

    def on_message_begin(self) -> None:
        """A request begins: its headers are due."""
        super().on_message_begin()
        if self._slow is None:
            self._expect()

    def on_headers_complete(self) -> None:
        """They are here."""
        self._relax()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._relax()
        super().connection_lost(exc)

    def _expect(self) -> None:
        self._slow = self.loop.call_later(HEADERS_S, self._cut)

    def _relax(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None

    def _cut(self) -> None:
        self._slow = None
        if self.transport is not None:
            self.transport.abort()


class Buckets:
    """A bucket of requests for each agent, filled at `RATE` up to `BURST`."""

    def __init__(self, rate: float = RATE, burst: float = BURST) -> None:
        self._rate = rate
        self._burst = burst
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, agent_id: str, now_s: float) -> bool:
        """Whether one more request is served; `now_s` is of the monotonic clock."""
        left, at = self._left.pop(agent_id, (self._burst, now_s))
        left = min(self._burst, left + (now_s - at) * self._rate)
        served = left >= 1
        self._left[agent_id] = (left - 1 if served else left, now_s)
        while len(self._left) > _AGENTS:
            self._left.popitem(last=False)
        return served
