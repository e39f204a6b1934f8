"""A desk's records as files: whole, without secrets, and the same in another desk."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, insert, select

from scudo_agent.cli.main import main
from scudo_agent.desk.rights import Role
from scudo_agent.desk.store.life_tables import ticket_word
from scudo_agent.desk.store.moving import (
    FILES,
    LEFT,
    MOVED,
    SECRET,
    read_in,
    write_out,
)
from scudo_agent.desk.store.people_tables import person, person_token, saved_view
from scudo_agent.desk.store.program_tables import api_token, webhook
from scudo_agent.desk.store.queue import Wish
from scudo_agent.desk.store.scope import Person, Scope
from scudo_agent.desk.store.tables import metadata, ticket
from scudo_agent.desk.uploads import upload
from scudo_agent.errors import InputError
from support.desk_scene import play
from support.desking import OTHER, T0, Bench, stage

CANARY = "canarino"
STAFF = Person(tenant_id="@provider", role=Role.TECHNICIAN, actor="person:7")


async def furnish(b: Bench) -> str:
    """Two customers with tickets, mails, a file, people and everything secret."""
    for name in ("acme", "altri"):
        agent = await b.agent(customer=name, name=f"{name}-milano")
        opening = stage() if name == "acme" else stage(incident_id=OTHER)
        reply = await agent.send(opening)
    ref = str(reply.json()["results"][0]["ticket"])
    await b.desk.send_mails()
    await b.log_in()
    store = b.desk.store
    store.files.put(STAFF, ref, upload("città.png", b"\x89PNG\r\n\x1a\n1", public=True))
    with store.database.write() as db:
        for number, name in enumerate(("acme", "altri"), 1):
            row: dict[str, Any] = {
                "tenant_id": name,
                "mail": f"io@{name}.example",
                "name": f"Persona {name}",
                "role": "referent",
                "password_hash": CANARY,
                "created_us": T0,
                "actor": "desk",
            }
            db.execute(insert(person).values(row))
            theirs: dict[str, Any] = {
                "tenant_id": name,
                "person_id": number,
                "created_us": T0,
            }
            token: dict[str, Any] = {
                "token_sha256": f"{CANARY}{number}",
                "expires_us": T0,
            }
            db.execute(
                insert(person_token).values(theirs | token | {"purpose": "reset"})
            )
            view = theirs | {"name": "v", "query": "q=a"}
            db.execute(insert(saved_view).values(view))
            program: dict[str, Any] = {
                "name": "p",
                "token_sha256": token["token_sha256"],
                "scopes": [],
            }
            db.execute(insert(api_token).values(theirs | program))
            hook: dict[str, Any] = {
                "tenant_id": name,
                "created_us": T0,
                "actor": "x",
                "events": [],
            }
            secret: dict[str, Any] = {
                "url": f"https://{CANARY}.example/",
                "secret": CANARY,
            }
            db.execute(insert(webhook).values(hook | secret))
    return ref


def out(b: Bench, folder: Path, customer: str | None = None) -> dict[str, int]:
    with b.desk.store.database.read() as db:
        return write_out(db, folder, customer=customer)


def told(folder: Path) -> dict[str, Any]:
    """All that stands in an export, by file."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_each_table_is_moved_or_left_with_a_reason() -> None:
    moved = {table.name for table in MOVED}
    assert moved & set(LEFT) == set()
    assert moved | set(LEFT) == set(metadata.tables)
    assert set(SECRET) <= moved
    # Every column by whose name something opens is left behind.
    for table in MOVED:
        names = {c.name for c in table.columns} - SECRET.get(table.name, frozenset())
        doors = ("password", "token", "secret", "key_sha256", "session", "code_sha")
        assert not [name for name in names for door in doors if door in name]


def test_what_is_exported_is_the_same_after_an_import(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"

    async def leave(b: Bench) -> None:
        ref = await furnish(b)
        counts = out(b, first)
        assert (counts["tenant"], counts["ticket"], counts["attachment"]) == (2, 2, 1)
        assert counts["mail_outbox"] == 2
        assert (first / "export.json").stat().st_mode & 0o777 == 0o600
        (one,) = (first / FILES).iterdir()
        assert one.read_bytes() == b"\x89PNG\r\n\x1a\n1"
        lines = (first / "attachment.jsonl").read_text().splitlines()
        assert json.loads(lines[0])["name"] == "città.png"
        with pytest.raises(InputError, match="not empty"):
            out(b, first)
        with pytest.raises(InputError, match="no customer"):
            out(b, tmp_path / "none", "nessuno")
        with pytest.raises(InputError, match="not empty"):
            read_in(b.desk.store.database, first)
        everything = b"".join(told(first).values())
        assert CANARY.encode() not in everything
        assert ref.encode() in everything

    async def arrive(b: Bench) -> None:
        counts = read_in(b.desk.store.database, first)
        assert counts == out(b, second)
        assert told(first) == told(second)
        store = b.desk.store
        assert store.search.fill_due() == (2, None)
        found = store.views.queue(Scope(tenant_id="altri"), Wish(text="gestionale"))
        (line,) = found.lines
        their = Scope(tenant_id="altri")
        view = store.views.ticket(their, line.ref)
        assert view is not None
        assert store.attachments.content(their, line.ref, view.attachments[0].mark)
        # Its agent comes in by an invitation, and goes on with the same ticket.
        agent = await b.agent(customer="altri", name="altri-milano")
        reply = await agent.send(
            stage(incident_id=OTHER), stage(2, 2, "recover", incident_id=OTHER)
        )
        assert {one["ticket"] for one in reply.json()["results"]} == {line.ref}

    play(tmp_path / "a", leave)
    play(tmp_path / "b", arrive)


def test_one_customers_export_has_nothing_of_another(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await furnish(b)
        counts = out(b, tmp_path / "out", "acme")
        assert (counts["tenant"], counts["ticket"], counts["person"]) == (1, 1, 1)
        everything = b"".join(told(tmp_path / "out").values())
        for foreign in (b"altri", OTHER.encode(), b"noc@provider", CANARY.encode()):
            assert foreign not in everything, foreign

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("file", "change", "says"),
    [
        ("export.json", lambda b: b"{", "no finished export"),
        ("export.json", lambda b: b.replace(b'"00', b'"99'), "same version"),
        ("ticket.jsonl", lambda b: b + b"x\n", "ticket.jsonl:3: is no JSON"),
        ("saved_view.jsonl", lambda b: b.splitlines(True)[0], "other rows"),
        ("ticket.jsonl", lambda b: b"", "cannot stand in"),
        ("tenant.jsonl", lambda b: b.replace(b'"mail"', b'"mial"'), "other columns"),
        ("attachment.jsonl", lambda b: _elsewhere(b), "content is not there"),
        ("files", lambda b: b + b"!", "not the one that was exported"),
    ],
)
def test_what_was_altered_is_refused_whole(
    tmp_path: Path, file: str, change: Any, says: str
) -> None:
    folder = tmp_path / "out"

    async def leave(b: Bench) -> None:
        await furnish(b)
        out(b, folder)

    async def arrive(b: Bench) -> None:
        path = folder / file
        if path.is_dir():
            path = next(path.iterdir())
        path.write_bytes(change(path.read_bytes()))
        with pytest.raises(InputError, match=says):
            read_in(b.desk.store.database, folder)
        with b.desk.store.database.read() as db:
            count = select(func.count()).select_from(ticket)
            assert db.execute(count).scalar_one() == 0

    play(tmp_path / "a", leave)
    play(tmp_path / "b", arrive)


def _elsewhere(body: bytes) -> bytes:
    row = json.loads(body)
    row["content"] = "../../export.json"
    return json.dumps(row).encode()


def test_the_commands_move_a_desk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def leave(b: Bench) -> None:
        await furnish(b)
        with b.desk.store.database.write() as db:
            db.execute(delete(ticket_word))

    play(tmp_path, leave)
    for name in ("desk", "new"):
        (tmp_path / f"{name}.yaml").write_text(f"state: {name}\n")
    old = ["--settings", str(tmp_path / "desk.yaml")]
    new = ["--settings", str(tmp_path / "new.yaml")]
    folder = str(tmp_path / "out")
    assert main(["desk", "export", folder, *old]) == 2
    assert "whose records?" in capsys.readouterr().err
    assert main(["desk", "export", folder, "--customer", "x", *old]) == 2
    assert main(["desk", "export", folder, "--all", *old]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"{folder}: 2 customers, 2 people, 2 tickets, 1 files")
    assert main(["desk", "import", folder, *new, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"]["ticket"] == 2
    assert main(["desk", "import", folder, *new]) == 2
    assert "not empty" in capsys.readouterr().err
