"""What a client may cost the desk: time for its headers, and requests a second."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
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

READ_RATE, READ_BURST = 20.0, 200.0
WRITE_RATE, WRITE_BURST = 2.0, 60.0
"""The same for a token of a person's program; what changes something counts twice,
in a stricter bucket of its own."""

_CLIENTS = 10_000


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


@dataclass(frozen=True, slots=True)
class Level:
    """How full a bucket is: whether one more is served, and what is left in it.

    `wait_s` is how long the next one has to wait, `full_s` until it is full again.
    """

    served: bool
    left: int
    wait_s: float
    full_s: float


class Buckets:
    """A bucket of requests for each client, filled at `rate` a second to `burst`."""

    def __init__(self, rate: float = RATE, burst: float = BURST) -> None:
        self.rate = rate
        self.burst = burst
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, now_s: float) -> bool:
        """Whether one more request is served; `now_s` is of the monotonic clock."""
        return self.draw(client, now_s).served

    def draw(self, client: str, now_s: float) -> Level:
        """Take one more request out of the bucket, if there is one."""
        left, at = self._left.pop(client, (self.burst, now_s))
        left = min(self.burst, left + (now_s - at) * self.rate)
        served = left >= 1
        left = left - 1 if served else left
        self._left[client] = (left, now_s)
        while len(self._left) > _CLIENTS:
            self._left.popitem(last=False)
        return Level(
            served=served,
            left=int(left),
            wait_s=max(0.0, (1 - left) / self.rate),
            full_s=(self.burst - left) / self.rate,
        )
