"""Two customers, everybody's people, and words that only some of them may read.

Made once as a folder that each test copies: acme's people and tickets, evil's, the
provider's. What somebody must not read has a canary in it.
"""

import asyncio
import base64
import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
from sqlalchemy import func, insert, select

from scudo_agent.desk import auth
from scudo_agent.desk.api_v1.scopes import TokenScope
from scudo_agent.desk.front import COOKIE
from scudo_agent.desk.lifecycle import ticket_ref
from scudo_agent.desk.rights import STAFF, Role
from scudo_agent.desk.store.attachment_tables import attachment
from scudo_agent.desk.store.attachments import SHOWN_COLUMNS, attachment_of
from scudo_agent.desk.store.people_tables import person, saved_view
from scudo_agent.desk.store.program_tables import api_token
from scudo_agent.desk.store.scope import agent_of
from scudo_agent.desk.store.session_tables import session
from scudo_agent.desk.store.tables import (
    PROVIDER_TENANT,
    security_event,
    ticket,
    ticket_event,
)
from scudo_agent.instant import HOUR
from support.desking import OTHER, T0, Bench, bench, contract, evidence, stage

ACME, EVIL = "canary-acme-9qz2", "canary-evil-4hx7"
REQUEST, INTERNAL = "canary-request-7k1m", "canary-internal-3v8p"
PROVIDER, SECRET = "canary-provider-5t6w", "canary-secret-1d2f"

PEOPLE: Mapping[str, tuple[str, Role]] = MappingProxyType(
    {
        "customer": ("acme", Role.CUSTOMER),
        "colleague": ("acme", Role.CUSTOMER),
        "referent": ("acme", Role.REFERENT),
        "foreign_customer": ("evil", Role.CUSTOMER),
        "foreign_referent": ("evil", Role.REFERENT),
        "technician": (PROVIDER_TENANT, Role.TECHNICIAN),
        "dispatcher": (PROVIDER_TENANT, Role.DISPATCHER),
        "manager": (PROVIDER_TENANT, Role.MANAGER),
        "admin": (PROVIDER_TENANT, Role.ADMIN),
    }
)
"""Who has a password; the number of each is its place, from 1."""

ACTORS = ("anonymous", "agent", "foreign_agent", *PEOPLE)
"""Everybody who asks: those that are refused come before those that change things."""

_REFUSED = {
    "anonymous": (ACME, EVIL, REQUEST, INTERNAL, PROVIDER, SECRET),
    "agent": (EVIL, INTERNAL, PROVIDER, SECRET),
    "foreign_agent": (ACME, REQUEST, INTERNAL, PROVIDER, SECRET),
    "customer": (EVIL, INTERNAL, PROVIDER, SECRET),
    "colleague": (EVIL, REQUEST, INTERNAL, PROVIDER, SECRET),
    "referent": (EVIL, INTERNAL, PROVIDER, SECRET),
    "foreign_customer": (ACME, REQUEST, INTERNAL, PROVIDER, SECRET),
    "foreign_referent": (ACME, REQUEST, INTERNAL, PROVIDER, SECRET),
}


def forbidden(actor: str) -> tuple[str, ...]:
    """What this one must not read, wherever it stands."""
    return _REFUSED.get(actor, (SECRET,))


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The folder of a closed desk, the agents' keys and the tickets' numbers."""

    folder: Path
    keys: Mapping[str, str]
    refs: Mapping[str, str]
    marks: Mapping[str, str]

    @contextmanager
    def copied(self, folder: Path) -> Iterator[Path]:
        """A copy that a test may change."""
        shutil.copytree(self.folder, folder)
        yield folder

    def headers(self, actor: str, path: str) -> dict[str, str]:
        """What `actor` sends with every request: a session to pages, from a browser
        that says where it comes from, and a token of all scopes to the API."""
        own = {"Sec-Fetch-Site": "same-origin"}
        if actor in PEOPLE and path.startswith("/v1/desk/"):
            key = hashlib.sha256(actor.encode()).hexdigest()
            return {"Authorization": f"Bearer {_token(actor)}", "Idempotency-Key": key}
        if actor in self.keys:
            return {"Authorization": f"Bearer {self.keys[actor]}"}
        if actor in PEOPLE:
            return own | {"Cookie": f"{COOKIE}={_session(actor)}"}
        return own


def _session(actor: str) -> str:
    return f"session-of-{actor}"


def _token(actor: str) -> str:
    """As `auth.new_token` makes them, but always the same."""
    random = hashlib.sha256(f"token of {actor}".encode()).digest()
    return f"sct_{base64.urlsafe_b64encode(random).decode().rstrip('=')}"


def make(folder: Path) -> World:
    """Build the world in `folder`."""
    return asyncio.run(_make(folder))


async def _make(folder: Path) -> World:
    async with bench(folder) as b:
        ours = await b.agent(
            customer="acme", name="acme-milano", brings=contract("patto")
        )
        theirs = await b.agent(customer="evil", name="evil-roma")
        refs = {
            "agent": await _opened(ours, ACME, "0193e1c0-0000-7000-8000-000000000001"),
            "foreign": await _opened(theirs, EVIL, OTHER),
        }
        with b.desk.store.database.write() as db:
            _people(db)
            refs |= _tickets(db)
            marks = _notes(db, refs)
        stranger = f"From: a@stranger.example\r\nSubject: {INTERNAL}\r\n\r\nx\r\n"
        b.desk.store.mail_in.land(stranger.encode(), source="pipe")
        return World(
            folder=folder,
            keys={
                "agent": ours.headers["Authorization"].removeprefix("Bearer "),
                "foreign_agent": theirs.headers["Authorization"][7:],
            },
            refs=refs,
            marks=marks,
        )


async def _opened(speaker: Any, canary: str, incident: str) -> str:
    title = {"id": canary, "title": {"it": canary, "en": canary}}
    reply = await speaker.send(
        stage(
            incident_id=incident,
            subject=title,
            affected=[title],
            members=[evidence(f"{canary}/web")],
        )
    )
    assert reply.status_code == 200, reply.text
    return str(reply.json()["results"][0]["ticket"])


def _people(db: Any) -> None:
    for number, (name, (tenant, role)) in enumerate(PEOPLE.items(), 1):
        firm = "provider" if role in STAFF else tenant
        row = {
            "person_id": number,
            "tenant_id": tenant,
            "mail": f"{name}@{firm}.example",
            "name": f"{ACME if tenant == 'acme' else EVIL} {name}"
            if role not in STAFF
            else name,
            "role": role.value,
            "language": "en",
            "password_hash": SECRET,
            "password_us": T0,
            "created_us": T0,
            "actor": "person:admin",
        }
        db.execute(insert(person).values(row))
        begun = {
            "tenant_id": tenant,
            "session_sha256": auth.fingerprint(_session(name)),
            "role": role.value,
            "actor": f"person:{number}",
            "person_id": number,
            "created_us": T0,
            "expires_us": T0 + 12 * HOUR,
        }
        db.execute(insert(session).values(begun))
        let_in = {
            "tenant_id": tenant,
            "person_id": number,
            "name": "all",
            "token_sha256": auth.fingerprint(_token(name)),
            "scopes": [one.value for one in TokenScope],
            "created_us": T0,
        }
        db.execute(insert(api_token).values(let_in))


def _tickets(db: Any) -> dict[str, str]:
    """A request of acme's customer with a view of his, and a ticket of the provider."""
    customer = list(PEOPLE).index("customer") + 1
    view = {
        "view_id": 1,
        "tenant_id": "acme",
        "person_id": customer,
        "name": REQUEST,
        "query": "q=stampante",
        "created_us": T0,
    }
    db.execute(insert(saved_view).values(view))
    both: dict[str, dict[str, Any]] = {
        "request": {
            "audience": "customer",
            "origin": "Portale",
            "title": {"it": f"{ACME} {REQUEST}", "en": f"{ACME} {REQUEST}"},
            "severity": 2,
            "requester_id": customer,
            "requester": {"name": REQUEST, "mail": "customer@acme.example"},
            "request": {"description": REQUEST},
        },
        "provider": {
            "audience": "provider",
            "origin": "AltecMonitor",
            "title": {"it": PROVIDER, "en": PROVIDER},
        },
    }
    found = {}
    for name, own in both.items():
        found[name] = ticket_ref(f"rights:{name}")
        row: dict[str, Any] = {
            "tenant_id": "acme",
            "site_id": "acme-milano",
            "ref": found[name],
            "status": "new",
            "condition": "not_measured",
            "since_us": T0,
            "received_us": T0,
            "stored_us": T0,
        }
        db.execute(insert(ticket).values(row | own))
    return found


def _notes(db: Any, refs: Mapping[str, str]) -> dict[str, str]:
    """An internal note and a picture at each ticket of acme's."""
    marks = {}
    for name, ref in refs.items():
        query = select(ticket.c.tenant_id, ticket.c.ticket_id).where(
            ticket.c.ref == ref
        )
        tenant_id, ticket_id = db.execute(query).one()
        event = {
            "tenant_id": tenant_id,
            "ticket_id": ticket_id,
            "kind": "remark",
            "at_us": T0,
            "stored_us": T0,
            "actor": "person:6",
            "data": {"words": INTERNAL},
        }
        db.execute(insert(ticket_event).values(event))
        shot = {
            "tenant_id": tenant_id,
            "ticket_id": ticket_id,
            "kind": "screenshot",
            "media_type": "image/png",
            "source": "https://erp.example/",
            "size": 3,
            "sha256": f"{ticket_id:064}",
            "content": ACME.encode() if tenant_id == "acme" else EVIL.encode(),
            "taken_us": T0,
            "stored_us": T0,
            "actor": agent_of("acme", "acme-milano", 1).actor,
        }
        made = insert(attachment).values(shot).returning(*SHOWN_COLUMNS)
        marks[name] = attachment_of(db.execute(made).one()).mark
    return marks


def state(b: Bench) -> tuple[Any, ...]:
    """What a refused request must leave as it was."""
    with b.desk.store.database.read() as db:
        return (
            db.execute(select(ticket).order_by(ticket.c.ticket_id)).all(),
            db.execute(select(func.count()).select_from(ticket_event)).scalar_one(),
            db.execute(select(person).order_by(person.c.person_id)).all(),
        )


def alarms(b: Bench) -> list[Any]:
    """What stands in the log of security."""
    with b.desk.store.database.read() as db:
        return list(db.execute(select(security_event)))


async def ask(
    b: Bench, world: World, actor: str, method: str, path: str, body: str
) -> httpx.Response:
    """One request as `actor`; the body is a form, JSON when it begins with `{`, or a
    file's name and words after `file:`."""
    headers = world.headers(actor, path)
    if body.startswith("file:"):
        name, _, words = body.removeprefix("file:").partition("=")
        sent = {"file": (name, words.encode(), "text/plain")}
        b.client.cookies.clear()
        return await b.client.request(method, path, headers=headers, files=sent)
    if body:
        as_json = body.startswith(("{", "["))
        kind = "application/json" if as_json else "application/x-www-form-urlencoded"
        headers["Content-Type"] = kind
    b.client.cookies.clear()
    return await b.client.request(method, path, headers=headers, content=body)
