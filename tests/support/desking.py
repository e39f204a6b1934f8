"""A desk for tests: a clock that moves by hand, stages, an agent that speaks HTTP."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from argon2 import PasswordHasher

from scudo_agent.config.site import Customer, DeskLink, Site
from scudo_agent.desk import app
from scudo_agent.desk.mail.transport import Transport, TransportError
from scudo_agent.desk.passwords import Passwords
from scudo_agent.desk.settings import DeskSettings, Mail, Provider
from scudo_agent.instant import SECOND, Instant, format_instant, parse_instant
from scudo_agent.wire import Stage

T0 = parse_instant("2026-11-23T09:41:50Z")
INCIDENT = "0193e1c0-0000-7000-8000-000000000001"
OTHER = "0193e1c0-0000-7000-8000-000000000002"


def quick() -> Passwords:
    """Passwords whose hashes are made at once."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


class HandClock:
    """Both clocks move when the test says so."""

    boot_id = "test"

    def __init__(self, at: Instant = T0) -> None:
        self.at = int(at)

    def wall(self) -> Instant:
        """Where the test put it."""
        return Instant(self.at)

    def monotonic_us(self) -> int:
        """Moves with the wall clock."""
        return self.at

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.at += round(seconds * SECOND)


class Outbound:
    """A transport that keeps what it is given, or fails as it is told."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, bytes]] = []
        self.faults: list[TransportError] = []

    def send(self, sender: str, recipient: str, data: bytes) -> None:
        """Fail with the next fault, if there is one; else keep the mail."""
        if self.faults:
            raise self.faults.pop(0)
        self.mails.append((recipient, data))

    def rest(self) -> None:
        """Nothing is kept open."""


def settings(folder: Path, **changes: Any) -> DeskSettings:
    """Settings of a desk whose state is in `folder`."""
    given: dict[str, Any] = {
        "url": "https://desk.example",
        "listen": {"port": 0},
        "state": "desk",
        "base": folder,
        "provider": Provider(name="AltecMonitor", mail="noc@provider.example"),
        "mail": Mail.model_validate({"from": "desk@provider.example"}),
    }
    return DeskSettings.model_validate(given | changes)


def contract(name: str = "prova", **tickets: Any) -> dict[str, Any]:
    """A contract file's data as it is stored; `tickets` as in the file."""
    return {
        "id": name,
        "title": f"Contratto {name}",
        "year_start": "2026-01-01",
        "service_hours": {"weekly": {"mon-fri": ["09:00-18:00"]}},
        "uptime": {"target": "99.0"},
        "tickets": tickets,
    }


def site(
    customer: str = "acme",
    name: str = "acme-milano",
    *,
    language: str = "it",
    brings: dict[str, Any] | None = None,
    names: str | None = None,
) -> Site:
    """A resolved site without checks: what enrolment needs.

    `brings` is the contract file that an embedded agent has, `names` the id of one
    that the desk should have.
    """
    return Site(
        path=Path("site.yaml"),
        id=name,
        customer=Customer(
            id=customer,
            name=f"{customer.upper()} S.p.A.",
            mail=f"it@{customer}.example",
            language=language,
        ),
        timezone="Europe/Rome",
        contract=None,
        contract_id=brings["id"] if brings else names,
        contract_body=brings,
        desk=DeskLink(),
        networks=None,
        vantage=(),
        targets={},
        checks={},
        services={},
        config_hash="",
        raw={},
    )


def stage(seq: int = 1, rev: int = 1, kind: str = "open", **changes: Any) -> Stage:
    """A stage of the ERP's incident; `changes` replace fields."""
    at = format_instant(Instant(T0 + seq * 10 * SECOND))
    data: dict[str, Any] = {
        "seq": seq,
        "incident_id": INCIDENT,
        "rev": rev,
        "kind": kind,
        "at": at,
        "subject_key": "service:erp",
        "subject": {"id": "erp", "title": {"it": "Gestionale", "en": "ERP"}},
        "since": format_instant(T0),
        "severity": 1,
        "rule": "S1",
        "members": [evidence()],
        "affected": [{"id": "erp", "title": {"it": "Gestionale", "en": "ERP"}}],
    }
    if kind == "recover":
        data["outage"] = {
            "since": format_instant(T0),
            "until": at,
            "down_us": seq * 10 * SECOND,
            "degraded_us": 0,
            "unknown_us": 0,
        }
    return Stage.model_validate(data | changes)


def evidence(check: str = "erp/web") -> dict[str, Any]:
    """What is known of one member."""
    return {
        "check": check,
        "state": "down",
        "since": format_instant(T0),
        "kind": "http",
        "endpoint": "https://erp.example/login",
        "seen": {
            "id": "answered {status} in {time}",
            "values": {"status": 503, "time": {"ms": 3.0}},
        },
        "expected": {"id": "status {status}", "values": {"status": 200}},
        "reproduce": "curl -i https://erp.example/login",
        "last_good": format_instant(Instant(T0 - 60 * SECOND)),
    }


class Speaker:
    """An agent as the desk's API sees it."""

    def __init__(self, client: httpx.AsyncClient, key: str) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {key}"}
        self.epoch = 1

    async def hello(self, store_id: str = "store-1", **changes: Any) -> httpx.Response:
        """Say hello and take the epoch."""
        body = {
            "epoch": None,
            "store_id": store_id,
            "head_seq": {"I": 0},
            "acked_seq": {"I": 0},
            "wall": format_instant(T0),
            "mono_us": 1,
            "boot_id": "boot",
        }
        reply = await self.client.post(
            "/v1/agents/self/hello", json=body | changes, headers=self.headers
        )
        if reply.status_code == 200:
            self.epoch = reply.json()["epoch"]
        return reply

    async def send(self, *stages: Stage, first: int | None = None) -> httpx.Response:
        """Send a batch."""
        body = {
            "epoch": self.epoch,
            "first_seq": stages[0].seq if first is None else first,
            "events": [one.model_dump(mode="json") for one in stages],
        }
        return await self.client.post(
            "/v1/agents/self/streams/I/events", json=body, headers=self.headers
        )

    async def tickets(self) -> list[dict[str, Any]]:
        """The site's tickets."""
        reply = await self.client.get("/v1/agents/self/tickets", headers=self.headers)
        assert reply.status_code == 200
        found: list[dict[str, Any]] = reply.json()
        return found


class Bench:
    """A started desk with its clock, its mails and a client."""

    def __init__(
        self,
        desk: app.Desk,
        clock: HandClock,
        mails: Outbound,
        client: httpx.AsyncClient,
    ) -> None:
        self.desk = desk
        self.clock = clock
        self.mails = mails
        self.client = client

    async def agent(self, **where: Any) -> Speaker:
        """Enrol an agent and let it say hello."""
        speaker = Speaker(self.client, self.desk.enrol_embedded(site(**where)))
        assert (await speaker.hello()).status_code == 200
        return speaker

    async def log_in(self) -> None:
        """Use a login link: the client has a session from then on."""
        path = self.desk.login_link().removeprefix(self.desk.url)
        assert (await self.client.get(path)).status_code == 303


@asynccontextmanager
async def bench(
    folder: Path, *, transport: Transport | None = None, **changes: Any
) -> AsyncIterator[Bench]:
    """A desk that is started and reached without a socket."""
    clock, mails = HandClock(), Outbound()
    desk = app.build(
        settings(folder, **changes),
        clock=clock,
        transport=transport or mails,
        rng=random.Random(1),
        passwords=quick(),
    )
    # Mails leave when the test says so, not when the worker wakes.
    await desk.start(mails=False)
    try:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(desk.asgi), base_url="https://desk.example"
        ) as client:
            yield Bench(desk, clock, mails, client)
    finally:
        await desk.close()
