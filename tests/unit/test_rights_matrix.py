"""Every route × every role × objects of one's own and of others (`tests/rights.csv`).

The routes come from the router, what is expected was written by hand. `yes`: neither
401, 403 nor 404 and no fault; a number: exactly that, and nothing has changed. Nobody
reads a canary that is not for him, in answers, mails or logs.
"""

import asyncio
import csv
import logging
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from scudo_agent.desk.rights import STAFF
from scudo_agent.desk.store.tables import ticket
from support.desking import Bench, bench
from support.rights_world import (
    ACME,
    ACTORS,
    EVIL,
    INTERNAL,
    PEOPLE,
    PROVIDER,
    REQUEST,
    SECRET,
    World,
    ask,
    forbidden,
    make,
    state,
)
from unit.test_desk_portal import routes

pytestmark = pytest.mark.rights

Row = dict[str, str]
FILE = Path(__file__).parent.parent / "rights.csv"
OBJECTS = {"agent", "request", "provider"}
"""Tickets that each route with a ticket's number is asked about."""


def rows() -> list[Row]:
    """The matrix as it was written."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def by_route() -> dict[str, list[Row]]:
    """Its rows by method and route."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows():
        found[f"{row['method']} {row['route']}"].append(row)
    return dict(found)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make(tmp_path_factory.mktemp("rights") / "world")


def test_every_route_has_a_row_and_every_row_a_route(tmp_path: Path) -> None:
    async def scene() -> set[str]:
        async with bench(tmp_path) as b:
            return {f"{method} {path}" for method, path in routes(b)}

    found = {one for one in asyncio.run(scene()) if not one.startswith("HEAD ")}
    written = set(by_route())
    assert found - written == set(), "routes that rights.csv does not know"
    assert written - found == set(), "rows of routes that are gone"


def test_every_row_is_whole_and_each_ticket_route_asked_about_all_kinds() -> None:
    for row in rows():
        assert all(re.fullmatch("yes|401|403|404", row[a] or "") for a in ACTORS), row
    for route, all_ in by_route().items():
        if "{ref}" in route and "{act}" not in route:
            kinds = {_given(row).get("object") for row in all_}
            assert kinds >= OBJECTS, route


def _given(row: Row) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in row["with"].split())


def _path(row: Row, world: World) -> str:
    given = _given(row)
    kind = given.get("object", "agent")
    values = {
        "ref": world.refs[kind],
        "tenant": "acme",
        "site": "acme-milano",
        "attachment": world.marks[kind],
        "customer": "acme",
        "contract": "patto",
        "period": "2026-11",
        "incident_id": "0193e1c0-0000-7000-8000-000000000001",
        "rev": "1",
    }
    values |= given
    return re.sub(r"\{([^}]+)\}", lambda found: values[found[1]], row["route"])


@pytest.mark.parametrize("route", sorted(by_route()))
def test_who_may_and_who_may_not(
    tmp_path: Path, world: World, route: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def scene() -> None:
        for number, row in enumerate(by_route()[route]):
            with world.copied(tmp_path / str(number)) as folder:
                async with bench(folder) as b:
                    assert await ask_row(b, world, row) == []

    asyncio.run(scene())
    assert not [one for one in (SECRET, INTERNAL) if one in caplog.text]


async def ask_row(b: Bench, world: World, row: Row) -> list[str]:
    """Ask what a row asks, as everybody; what is not as it says."""
    path, wrong = _path(row, world), []
    before: tuple[Any, ...] | None = None
    for actor in ACTORS:
        refused = row[actor] != "yes"
        before = before or (state(b) if refused else None)
        body = row["body"].replace("{version}", _version(b, world, row))
        reply = await ask(b, world, actor, row["method"], path, body)
        got, wanted = reply.status_code, row[actor]
        fits = (
            got < 500 and got not in (401, 403, 404, 405)
            if wanted == "yes"
            else got == int(wanted)
        )
        if not fits:
            wrong.append(f"{actor}: {got} instead of {wanted}")
        if refused and state(b) != before:
            wrong.append(f"{actor}: was refused, and changed something")
        before = before if refused else None
        seen = reply.text + "".join(f"{k}: {v}\n" for k, v in reply.headers.items())
        wrong += [f"{actor}: reads {one}" for one in forbidden(actor) if one in seen]
    await b.desk.send_mails()
    wrong += _mailed(b.mails.mails)
    return [f"{row['method']} {path} {row['with']} {one}" for one in wrong]


def _version(b: Bench, world: World, row: Row) -> str:
    """What the row's ticket is just now: who may change it has seen it so."""
    ref = world.refs[_given(row).get("object", "agent")]
    with b.desk.store.database.read() as db:
        query = select(ticket.c.version).where(ticket.c.ref == ref)
        return str(db.execute(query).scalar_one())


def _mailed(mails: list[tuple[str, bytes]]) -> list[str]:
    """Canaries in mails to those whom they are not for."""
    to = {
        "acme.example": (EVIL, INTERNAL, PROVIDER, SECRET),
        "evil.example": (ACME, REQUEST, INTERNAL, PROVIDER, SECRET),
        "provider.example": (SECRET,),
    }
    return [
        f"mail to {recipient} has {canary}"
        for recipient, data in mails
        for canary in to[recipient.partition("@")[2]]
        if canary.encode() in data
    ]


def test_the_canaries_are_there_to_be_read(tmp_path: Path, world: World) -> None:
    """A matrix whose canaries nobody can read would prove nothing."""

    async def scene() -> None:
        with world.copied(tmp_path / "copy") as folder:
            async with bench(folder) as b:
                await _reads(b, world, "admin", "provider", PROVIDER, INTERNAL)
                await _reads(b, world, "technician", "request", REQUEST, INTERNAL, ACME)
                await _reads(b, world, "customer", "request", REQUEST)
                await _reads(b, world, "referent", "agent", ACME)

    asyncio.run(scene())


async def _reads(b: Bench, world: World, actor: str, kind: str, *words: str) -> None:
    reply = await ask(b, world, actor, "GET", f"/t/{world.refs[kind]}", "")
    assert [word for word in words if word not in reply.text] == [], (actor, kind)


def test_staff_and_customers_are_both_in_the_world() -> None:
    roles: dict[bool, set[Any]] = {True: set(), False: set()}
    for _, role in PEOPLE.values():
        roles[role in STAFF].add(role)
    assert len(roles[True]) == 4
    assert len(roles[False]) == 2
