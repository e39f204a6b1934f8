"""A desk in memory that keeps the protocol to the letter, and fails when told.

It enforces what a real one must: contiguous numbers by epoch, the same bytes for
the same number, one ticket an incident. It speaks through `httpx.MockTransport`.
"""

import hashlib
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from scudo_agent.wire import Batch, Gap, Hello, LedgerBatch, canonical

KEY = "k3y-of-the-agent"
Fault = Callable[["FakeDesk", httpx.Request], httpx.Response]


def reply(status: int, body: Any, **headers: str) -> httpx.Response:
    """A JSON answer; a problem where the status says so."""
    kind = "application/problem+json" if status >= 400 else "application/json"
    return httpx.Response(
        status,
        content=json.dumps(body).encode(),
        headers={"Content-Type": kind, **headers},
    )


@dataclass
class FakeDesk:
    """What the desk holds, and what it was asked."""

    epochs: dict[str, int] = field(default_factory=dict)
    events: dict[int, dict[int, str]] = field(default_factory=dict)
    """Hash of each event by epoch and number; `gap` for a tombstone."""
    stages: list[dict[str, Any]] = field(default_factory=list)
    ledger: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    refuses: set[str] = field(default_factory=set)
    """Incidents of which it will never take an event."""
    names_culprit: bool = True
    mode: str = "normal"
    faults: deque[Fault | None] = field(default_factory=deque)
    """One for each request about events or gaps; None: no fault."""
    hello_faults: deque[Fault | None] = field(default_factory=deque)
    requests: list[httpx.Request] = field(default_factory=list)
    hellos: list[Hello] = field(default_factory=list)

    @property
    def transport(self) -> httpx.MockTransport:
        """The way to it for a client."""
        return httpx.MockTransport(self.handle)

    def posts(self) -> list[bytes]:
        """Bodies of the requests about events, in order."""
        return [
            one.content for one in self.requests if one.url.path.endswith("/events")
        ]

    def revs(self, incident: str) -> list[int]:
        """Stages of an incident as they were taken."""
        return [one["rev"] for one in self.stages if one["incident_id"] == incident]

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer one request, or fail as told."""
        self.requests.append(request)
        queue = (
            self.hello_faults if request.url.path.endswith("/hello") else self.faults
        )
        fault = queue.popleft() if queue else None
        return fault(self, request) if fault else self.serve(request)

    def serve(self, request: httpx.Request) -> httpx.Response:
        """Answer as a desk in good health."""
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return reply(401, {"title": "unknown key"})
        path = request.url.path.removeprefix("/v1/agents/self")
        if path == "/hello":
            return self._hello(Hello.model_validate_json(request.content))
        if path == "/streams/I/events":
            return self._events(request.content)
        if path == "/streams/L/events":
            return self._ledger(request.content)
        if path == "/streams/I/gaps":
            return self._gap(Gap.model_validate_json(request.content))
        return reply(404, {"title": "no such page"})

    def last(self, epoch: int) -> int:
        """The last number that it has of an epoch."""
        return len(self.events.get(epoch, {}))

    def _hello(self, hello: Hello) -> httpx.Response:
        self.hellos.append(hello)
        epoch = self.epochs.setdefault(hello.store_id, len(self.epochs) + 1)
        return reply(
            200,
            {
                "epoch": epoch,
                "last_contiguous_seq": {
                    "I": self.last(epoch),
                    "L": len(self.ledger.get(epoch, ())),
                },
                "desk_wall": "2026-03-01T10:00:00Z",
                "mode": self.mode,
                "agent_id": "a-1",
                "tenant_id": "acme",
                "site_id": "acme-milano",
            },
        )

    def _events(self, content: bytes) -> httpx.Response:
        raw = json.loads(content)
        batch = Batch.model_validate(raw)
        if batch.epoch not in self.epochs.values():
            return reply(409, {"title": "unknown epoch", "hello": True})
        have = self.events.setdefault(batch.epoch, {})
        if batch.first_seq > len(have) + 1:
            return reply(409, {"title": "gap", "expected_seq": len(have) + 1})
        for index, stage in enumerate(batch.events):
            if stage.incident_id in self.refuses:
                where = {"seq": stage.seq} if self.names_culprit else {}
                return reply(422, {"title": "severity 9", **where})
            sha = hashlib.sha256(canonical(raw["events"][index])).hexdigest()
            if have.get(stage.seq, sha) not in (sha, "gap"):
                return reply(422, {"title": "other bytes", "seq": stage.seq})
        for stage, plain in zip(batch.events, raw["events"], strict=True):
            if stage.seq not in have:
                self.stages.append(plain)
                body = canonical(plain)
                have[stage.seq] = hashlib.sha256(body).hexdigest()
        results = [
            {"seq": stage.seq, "ticket": ticket(stage.incident_id)}
            for stage in batch.events
        ]
        return reply(200, {"ack_seq": len(have), "results": results})

    def _ledger(self, content: bytes) -> httpx.Response:
        batch = LedgerBatch.model_validate_json(content)
        have = self.ledger.setdefault(batch.epoch, [])
        if batch.first_seq > len(have) + 1:
            return reply(409, {"title": "gap", "expected_seq": len(have) + 1})
        have += json.loads(content)["events"][len(have) + 1 - batch.first_seq :]
        return reply(200, {"ack_seq": len(have), "results": []})

    def _gap(self, gap: Gap) -> httpx.Response:
        have = self.events.setdefault(gap.epoch, {})
        if gap.seq > len(have) + 1:
            return reply(409, {"title": "gap", "expected_seq": len(have) + 1})
        have.setdefault(gap.seq, "gap")
        return reply(200, {"ack_seq": len(have), "results": []})


def ticket(incident: str) -> str:
    """The public number of an incident's ticket here."""
    return f"SC-{incident[-4:]}"


def dead(desk: FakeDesk, request: httpx.Request) -> httpx.Response:
    """Nobody answers."""
    raise httpx.ConnectError("[Errno 111] Connection refused", request=request)


def reply_lost(desk: FakeDesk, request: httpx.Request) -> httpx.Response:
    """It did what it was asked; its answer never arrives."""
    desk.serve(request)
    raise httpx.ReadError("connection reset", request=request)


def says(status: int, body: Any = None, **headers: str) -> Fault:
    """It answers so, and does nothing."""
    return lambda desk, request: reply(status, body or {}, **headers)


def page(status: int, **headers: str) -> Fault:
    """Someone else answers with HTML."""
    return lambda desk, request: httpx.Response(
        status, html="<html>sign in</html>", headers=headers
    )
