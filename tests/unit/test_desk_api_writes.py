"""What people do on pages, done by programs: files, windows, people, customers."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from scudo_agent.desk import storable
from scudo_agent.desk.api_v1.scopes import TokenScope
from scudo_agent.desk.problems import Problem
from scudo_agent.desk.rights import Role
from scudo_agent.desk.storable import look
from scudo_agent.desk.store.files import FILE_LIMIT
from scudo_agent.desk.store.people import ALL
from scudo_agent.desk.store.scope import Scope
from support.desk_scene import play
from support.desking import Bench, contract, stage
from support.storms import subjects
from support.token_desk import program

pytestmark = pytest.mark.rights
API = "/v1/desk"
SITE = f"{API}/customers/acme/sites/acme-milano"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


def test_a_file_is_put_to_a_ticket_once(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        store, path = b.desk.store, f"{API}/tickets/{ref}/attachments"
        staff = program(store, Role.TECHNICIAN)
        theirs = program(store, Role.REFERENT)
        query = {"name": "../schermo\u202e.png", "public": "false"}
        keyed = staff | {"Idempotency-Key": "file-number-1"}
        made = await b.client.post(path, params=query, content=PNG, headers=keyed)
        assert made.status_code == 201, made.text
        told = made.json()
        assert (told["name"], told["media_type"]) == ("schermo.png", "image/png")
        assert told["public"] is False
        again = await b.client.post(path, params=query, content=PNG, headers=keyed)
        assert again.headers["Idempotency-Replayed"] == "true"
        at = made.headers["location"]
        assert (await b.client.get(at, headers=staff)).content == PNG
        assert (await b.client.get(at, headers=theirs)).status_code == 404
        own = await b.client.post(path, params=query, content=b"x", headers=theirs)
        assert own.json()["public"] is True
        for content, status in ((b"", 422), (bytes(FILE_LIMIT + 1), 422)):
            reply = await b.client.post(path, content=content, headers=staff)
            assert reply.status_code == status, reply.text
        full = [bytes([n]) * FILE_LIMIT for n in (1, 2, 3)]
        codes = [
            (await b.client.post(path, content=one, headers=staff)).status_code
            for one in full
        ]
        assert codes == [201, 201, 409]
        foreign = program(store, Role.REFERENT, customer="acme", mail="ohne")
        assert (await b.client.post(path, content=b"y", headers=foreign)).is_success

    play(tmp_path, scene)


def test_a_file_is_not_judged_as_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its route, whatever the client calls it; and JSON is, whatever it calls it."""
    log = b'{"n": 123456789012345678901234567890, "text": "\\u0000\\ud800"}'
    note = b'{"words": "a\\u0000b", "public": false}'
    judged: list[bytes] = []

    def recorded(body: bytes) -> None:
        judged.append(body)
        look(body)

    async def scene(b: Bench) -> None:
        agent = await b.agent()
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        monkeypatch.setattr(storable, "look", recorded)
        at, staff = f"{API}/tickets/{ref}", program(b.desk.store, Role.TECHNICIAN)
        for end, kind in ((b" ", "application/json"), (b"\n", "text/plain")):
            headers = staff | {"Content-Type": kind}
            content = log + end
            made = await b.client.post(
                f"{at}/attachments", content=content, headers=headers
            )
            assert made.status_code == 201, made.text
            kept = await b.client.get(made.headers["location"], headers=staff)
            assert kept.content == content
        assert judged == []
        octets = staff | {"Content-Type": "application/octet-stream"}
        reply = await b.client.post(f"{at}/notes", content=note, headers=octets)
        assert (reply.status_code, "NUL" in reply.text) == (422, True)
        assert judged == [note]

    play(tmp_path, scene)


def test_a_large_body_is_looked_at_beside_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    where: list[bool] = []

    def recorded(body: bytes) -> None:
        where.append(threading.current_thread() is threading.main_thread())
        look(body)

    monkeypatch.setattr(storable, "look", recorded)
    asyncio.run(storable.looked(b"[1]"))
    asyncio.run(storable.looked(b"[" + b"[]," * storable.LARGE + b"[]]"))
    with pytest.raises(Problem, match="beyond 64 bits"):
        asyncio.run(storable.looked(b"[" + b"[]," * storable.LARGE + b"9" * 30 + b"]"))
    assert where == [True, False, False]


def test_windows_are_announced_moved_and_cancelled(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await b.agent()
        store, path = b.desk.store, f"{SITE}/windows"
        staff = program(store, Role.DISPATCHER)
        body: dict[str, Any] = {
            "kind": "extraordinary",
            "services": ["*"],
            "reason": "Dischi nuovi",
            "start": "2026-11-25T20:00:00+01:00",
            "end": "2026-11-25T22:00:00+01:00",
        }
        keyed = staff | {"Idempotency-Key": "window-number-1"}
        made = await b.client.post(path, json=body, headers=keyed)
        assert made.status_code == 201, made.text
        (one,) = made.json()["windows"]
        assert len(one["announcements"]) == 1
        again = await b.client.post(path, json=body, headers=keyed)
        assert again.json() == made.json()
        await b.desk.send_mails()
        assert len(subjects(b)) == 1
        at = f"{path}/{one['id']}"
        move = {"start": body["start"], "end": "2026-11-25T23:00:00+01:00"}
        moved = await b.client.post(f"{at}/announcements", json=move, headers=staff)
        assert len(moved.json()["windows"][0]["announcements"]) == 2
        off = {"reason": "Non servono"}
        gone = await b.client.post(f"{at}/cancel", json=off, headers=staff)
        assert gone.json()["windows"][0]["cancelled"]
        late = await b.client.post(f"{at}/cancel", json=off, headers=staff)
        assert (late.status_code, "was cancelled" in late.text) == (409, True)
        noted = {"change": "Mai iniziata", "reason": "Dischi mancanti"}
        said = await b.client.post(f"{at}/corrections", json=noted, headers=staff)
        assert said.status_code == 201, said.text
        for changes, status in (
            ({"end": body["start"]}, 422),
            ({"start": None}, 422),
            ({"services": ["nulla"]}, 422),
            ({"series": {"rule": "never", "last": "2026-12-31"}}, 422),
        ):
            reply = await b.client.post(path, json=body | changes, headers=staff)
            assert reply.status_code == status, (changes, reply.text)
        nowhere = f"{API}/customers/acme/sites/roma/windows"
        reply = await b.client.post(nowhere, json=body, headers=staff)
        assert reply.status_code == 404
        few = program(store, Role.ADMIN, TokenScope.SITES_READ)
        reply = await b.client.post(path, json=body, headers=few)
        assert (reply.status_code, reply.json()["needs"]) == (403, "windows:write")
        (line,) = store.windows.lines(Scope.of_staff())
        assert line.state.id == one["id"]

    play(tmp_path, scene)


def test_people_are_invited_and_locked_out(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await b.agent()
        store = b.desk.store
        boss, referent = program(store, Role.ADMIN), program(store, Role.REFERENT)
        new = {"mail": "Chi@acme.example", "name": "Chi", "role": "customer"}
        made = await b.client.post(
            f"{API}/people", json=new | {"customer": "acme"}, headers=referent
        )
        assert made.status_code == 201, made.text
        person = made.json()
        assert (person["mail"], person["customer_id"]) == ("chi@acme.example", "acme")
        await b.desk.send_mails()
        assert b.mails.mails[-1][0] == "chi@acme.example"
        for body, who, status in (
            (new | {"customer": "acme"}, referent, 422),
            (new | {"customer": "altri", "mail": "b@b.example"}, referent, 404),
            (new | {"role": "referent", "customer": "acme"}, referent, 422),
            (new | {"role": "admin", "customer": "acme"}, boss, 422),
            (new | {"mail": "nobody"}, boss, 422),
        ):
            reply = await b.client.post(f"{API}/people", json=body, headers=who)
            assert reply.status_code == status, (body, reply.text)
        at = f"{API}/people/{person['id']}"
        role = {"role": "referent"}
        reply = await b.client.post(f"{at}/role", json=role, headers=referent)
        assert reply.status_code == 409
        reply = await b.client.post(f"{at}/role", json=role, headers=boss)
        assert reply.json()["role"] == "referent"
        reply = await b.client.post(f"{at}/disable", headers=boss)
        assert reply.json()["disabled"] == "2026-11-23T09:41:50Z"
        assert (await b.client.post(f"{at}/invite", headers=boss)).status_code == 409
        reply = await b.client.post(f"{at}/enable", headers=boss)
        assert reply.json()["disabled"] is None
        assert (await b.client.post(f"{at}/burn", headers=boss)).status_code == 422
        line = store.people.one(ALL, "chi@acme.example")
        assert line is not None

    play(tmp_path, scene)


def test_customers_sites_and_contracts_are_written(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        boss = program(b.desk.store, Role.MANAGER)
        new = {
            "id": "nuovo",
            "name": "Nuovo S.r.l.",
            "mail": "it@nuovo.example",
            "site": "nuovo-bari",
            "zone": "Europe/Rome",
        }
        made = await b.client.post(f"{API}/customers", json=new, headers=boss)
        assert made.status_code == 201, made.text
        at = made.headers["location"]
        twice = await b.client.post(f"{API}/customers", json=new, headers=boss)
        assert twice.status_code == 409
        seen = (await b.client.get(at, headers=boss)).headers["etag"]
        assert seen == made.headers["etag"]
        name = {"name": "Nuovo S.p.A."}
        reply = await b.client.patch(at, json=name, headers=boss)
        assert reply.status_code == 428
        matched = boss | {"If-Match": seen}
        reply = await b.client.patch(at, json=name, headers=matched)
        assert (reply.json()["name"], reply.status_code) == ("Nuovo S.p.A.", 200)
        stale = await b.client.patch(at, json={"name": "X"}, headers=matched)
        assert stale.status_code == 412
        assert stale.json()["customer"]["name"] == "Nuovo S.p.A."
        file = "id: patto\ntitle: Patto\nyear_start: 2026-01-01\n"
        hours = 'service_hours: {weekly: {mon-fri: ["09:00-18:00"]}}\n'
        where = f"{API}/contracts/patto"
        reply = await b.client.put(
            where, json={"file": f"{file}nonsense: 1\n"}, headers=boss
        )
        assert reply.status_code == 422
        (fault, *_) = reply.json()["faults"]
        assert (fault["line"], fault["column"]) == (4, 1)
        reply = await b.client.put(where, json={"file": file + hours}, headers=boss)
        assert (reply.status_code, reply.json()["revision"]) == (200, 1), reply.text
        other = await b.client.put(
            f"{API}/contracts/altro", json={"file": file + hours}, headers=boss
        )
        assert other.status_code == 422
        site = f"{at}/sites/nuovo-bari/contracts"
        told = {"contract": "patto", "since": "2026-12-01"}
        reply = await b.client.post(site, json=told, headers=boss)
        assert reply.json() == [told | {"until": None}]
        wrong = told | {"since": "2026-02-31"}
        assert (await b.client.post(site, json=wrong, headers=boss)).status_code == 422
        second = await b.client.put(
            f"{at}/sites/nuovo-lecce",
            json={"zone": "Europe/Rome", "contract": "patto"},
            headers=boss,
        )
        assert second.json() == [
            {"contract": "patto", "since": "2026-01-01", "until": None}
        ]
        bad = {"zone": "Nowhere/Land"}
        reply = await b.client.put(f"{at}/sites/x", json=bad, headers=boss)
        assert reply.status_code == 422

    play(tmp_path, scene)


async def seen(b: Bench, at: str, who: dict[str, str]) -> dict[str, str]:
    """The headers of somebody who has seen what is there now."""
    reply = await b.client.get(at, headers=who)
    return who | {"If-Match": reply.headers["etag"]}


def test_a_contract_is_written_by_who_has_seen_it(tmp_path: Path) -> None:
    def file(title: str) -> dict[str, str]:
        said = f"id: patto\ntitle: {title}\nyear_start: 2026-01-01\n"
        hours = 'service_hours: {weekly: {mon-fri: ["09:00-18:00"]}}\n'
        return {"file": said + hours}

    async def scene(b: Bench) -> None:
        boss, at = program(b.desk.store, Role.MANAGER), f"{API}/contracts/patto"
        never = boss | {"If-Match": '"0123456789abcdef"'}
        reply = await b.client.put(at, json=file("Uno"), headers=never)
        assert reply.status_code == 412, reply.text
        made = await b.client.put(at, json=file("Uno"), headers=boss)
        assert (made.status_code, made.json()["revision"]) == (200, 1)
        assert made.headers["etag"] == f'"{made.json()["sha256"][:16]}"'
        one, other = await seen(b, at, boss), await seen(b, at, boss)
        assert one["If-Match"] == made.headers["etag"]
        reply = await b.client.put(at, json=file("Due"), headers=boss)
        assert (reply.status_code, "If-Match" in reply.text) == (428, True)
        reply = await b.client.put(at, json=file("Due"), headers=one)
        assert (reply.status_code, reply.json()["revision"]) == (200, 2)
        lost = await b.client.put(at, json=file("Tre"), headers=other)
        assert lost.status_code == 412
        assert lost.json()["contract"] == reply.json()
        versions = b.desk.store.contracts.versions("patto")
        assert [one.body["title"] for one in versions] == ["Uno", "Due"]

    play(tmp_path, scene)


def test_a_site_is_written_by_who_has_seen_it(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await b.agent(brings=contract("patto"))
        boss = program(b.desk.store, Role.MANAGER)
        one, other = await seen(b, SITE, boss), await seen(b, SITE, boss)
        rome, oslo = {"zone": "Europe/Rome"}, {"zone": "Europe/Oslo"}
        reply = await b.client.put(SITE, json=oslo, headers=boss)
        assert reply.status_code == 428
        reply = await b.client.put(SITE, json=oslo, headers=one)
        assert reply.status_code == 200, reply.text
        reply = await b.client.put(SITE, json=rome, headers=other)
        assert reply.status_code == 412
        found = await b.client.get(SITE, headers=boss)
        assert (found.json()["zone"], found.json()["contract"]) == (
            "Europe/Oslo",
            "patto",
        )
        held = {"contract": "patto", "since": "2027-01-01"}
        before = await seen(b, SITE, boss)
        covers = await b.client.post(f"{SITE}/contracts", json=held, headers=boss)
        assert covers.status_code == 201, covers.text
        reply = await b.client.put(SITE, json=rome, headers=before)
        assert reply.status_code == 412  # its contracts are others by now
        now = boss | {"If-Match": covers.headers["etag"]}
        assert (await b.client.put(SITE, json=rome, headers=now)).status_code == 200
        new = f"{API}/customers/acme/sites/acme-bari"
        reply = await b.client.put(new, json=rome, headers=now)
        assert reply.status_code == 412
        assert (await b.client.put(new, json=rome, headers=boss)).status_code == 200
        theirs = program(b.desk.store, Role.REFERENT)
        assert (await b.client.get(new, headers=theirs)).status_code == 200
        for where in ("customers/acme/sites/roma", "customers/altri/sites/x"):
            reply = await b.client.get(f"{API}/{where}", headers=theirs)
            assert reply.status_code == 404

    play(tmp_path, scene)
