"""Files that people attach: bounded, by their content, harmless, and whose they are."""

from pathlib import Path
from typing import Any

import pytest
from httpx import Response
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from scudo_agent.desk import guard
from scudo_agent.desk.rights import Role
from scudo_agent.desk.store.files import FILE_LIMIT, FileError
from scudo_agent.desk.store.queue import Wish
from scudo_agent.desk.store.scope import Person, Scope
from scudo_agent.desk.store.tables import ticket
from scudo_agent.desk.uploads import disposition, file_name, type_of, upload
from support.desk_scene import play
from support.desking import Bench, stage

OURS = {"Sec-Fetch-Site": "same-origin"}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
STAFF = Person(tenant_id="@provider", role=Role.TECHNICIAN, actor="person:7")
CUSTOMER = Person(tenant_id="acme", role=Role.REFERENT, actor="person:8", person_id=8)
HOSTILE = (
    '"><script>alert(1)</script>.png',
    "..\\..\\etc/passwd",
    'a"; filename="b.html',
    "fattura\r\nSet-Cookie: x=1.pdf",
    "\u202egnp.exe",
    "\x1b[2J\x1b[31mrosso.txt",
    "=cmd|'/c calc'!A1.csv",
    ".htaccess",
    "é" * 300 + ".jpeg",
    "a\x00b.svg",
    " . .. ",
    "",
)


async def attach(
    b: Bench, ref: str, name: str, content: bytes, **form: str
) -> Response:
    files = {"file": (name, content, "text/html")}
    return await b.client.post(f"/t/{ref}/files", files=files, data=form, headers=OURS)


async def opened(b: Bench) -> str:
    agent = await b.agent()
    await b.log_in()
    return str((await agent.send(stage())).json()["results"][0]["ticket"])


@pytest.mark.parametrize("given_name", HOSTILE)
def test_a_name_is_harmless_wherever_it_stands(given_name: str) -> None:
    _harmless(given_name)


@given(st.text(max_size=300))
def test_any_name_is_harmless(given_name: str) -> None:
    _harmless(given_name)


def _harmless(given_name: str) -> None:
    name = file_name(given_name)
    assert 0 < len(name) <= 100
    assert name.isprintable()
    assert not set(name) & set('/\\<>:"|?*\u202e')
    assert not name.startswith(".")
    header = disposition(name, inline=False)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
    assert header.startswith('attachment; filename="')


def test_a_long_name_keeps_its_ending() -> None:
    assert file_name("x" * 300 + ".jpeg").endswith("x.jpeg")
    assert disposition("Così.png", inline=True) == (
        "inline; filename=\"Cos_.png\"; filename*=UTF-8''Cos%C3%AC.png"
    )


def test_the_content_says_what_it_is() -> None:
    assert type_of(PNG) == "image/png"
    assert type_of(b"\xff\xd8\xff\xe0 JFIF") == "image/jpeg"
    assert type_of(b"RIFF\x00\x00\x00\x00WEBPVP8 ") == "image/webp"
    for other in (b"<svg onload=alert(1)>", b"<html>", b"RIFF    AVI ", b"%PDF-", b""):
        assert type_of(other) == "application/octet-stream"


def test_pictures_are_shown_and_all_else_is_only_handed_out(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        ref = await opened(b)
        for name, content in (
            ("schermata.png", PNG),
            ("pagina.html", b"<script>alert(1)</script>"),
            ("disegno.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='x'/>"),
        ):
            reply = await attach(b, ref, name, content)
            assert reply.headers["location"] == f"/t/{ref}#files"
        page = (await b.client.get(f"/t/{ref}")).text
        assert page.count("/files/") == 5
        view = b.desk.store.views.ticket(Scope.of_staff(), ref)
        assert view is not None
        at = [f"/t/{ref}/files/{one.mark}" for one in view.attachments]
        replies = [await b.client.get(one) for one in at]
        types = [one.headers["content-type"] for one in replies]
        assert types == ["image/png", *["application/octet-stream"] * 2]
        ways = [one.headers["content-disposition"].split(";")[0] for one in replies]
        assert ways == ["inline", "attachment", "attachment"]
        for reply in replies:
            assert "sandbox" in reply.headers.get_list("content-security-policy")[0]
            assert reply.headers["x-content-type-options"] == "nosniff"
        assert replies[1].content == b"<script>alert(1)</script>"
        again = {"if-none-match": replies[0].headers["etag"]}
        assert (await b.client.get(at[0], headers=again)).status_code == 304

    play(tmp_path, scene)


def test_hostile_names_reach_no_page_header_or_terminal(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        ref = await opened(b)
        for number, name in enumerate(HOSTILE[:-1]):
            await attach(b, ref, name, b"x%d" % number)
        page = (await b.client.get(f"/t/{ref}")).text
        assert "<script>alert" not in page
        assert "\u202e" not in page
        assert "\x1b" not in page
        view = b.desk.store.views.ticket(Scope.of_staff(), ref)
        assert view is not None
        assert len(view.attachments) == len(HOSTILE) - 1
        for one in view.attachments:
            reply = await b.client.get(f"/t/{ref}/files/{one.mark}")
            assert reply.status_code == 200
            assert "set-cookie" not in reply.headers
            assert reply.headers["content-type"] == "application/octet-stream"

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("vuoto.txt", b"", "Il file è vuoto."),
        ("", b"x", "Scegliete prima un file."),
        ("grande.bin", bytes(FILE_LIMIT + 1), "al massimo 10 MB"),
    ],
)
def test_what_is_not_taken_is_said_on_the_page(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    async def scene(b: Bench) -> None:
        ref = await opened(b)
        reply = await attach(b, ref, name, content)
        assert reply.status_code == 422
        assert says in reply.text

    play(tmp_path, scene)


def test_a_body_that_is_no_form_is_refused_in_words(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        ref = await opened(b)
        where = f"/t/{ref}/files"
        kind = {"content-type": "multipart/form-data; boundary=x"}
        for content in (b"--x\r\nbroken", b"", b"--x\r\n\r\nno name\r\n--x--"):
            reply = await b.client.post(where, content=content, headers=OURS | kind)
            assert reply.status_code == 422, content
        reply = await b.client.post(where, data={"a": "b"}, headers=OURS)
        assert reply.status_code == 422
        many = [("file", (f"{n}.txt", b"x", "text/plain")) for n in range(3)]
        reply = await b.client.post(where, files=many, headers=OURS)
        assert reply.status_code == 422
        far = bytes(guard.FILE_BODY_LIMIT + 1)
        reply = await b.client.post(where, content=far, headers=OURS | kind)
        assert reply.status_code == 413
        # Elsewhere the cap is as it was.
        note = bytes(guard.BODY_LIMIT + 1)
        reply = await b.client.post(f"/t/{ref}/note", content=note, headers=OURS)
        assert reply.status_code == 413
        foreign = {"Sec-Fetch-Site": "cross-site"}
        reply = await b.client.post(where, files={"file": b"x"}, headers=foreign)
        assert reply.status_code == 403
        reply = await attach(b, "SC-AAAA-AAAA", "a.txt", b"x")
        assert reply.status_code == 404

    play(tmp_path, scene)


def test_large_bodies_wait_for_room_and_are_sent_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "LARGE_AT_ONCE", 0)
    monkeypatch.setattr(guard, "_PATIENCE_S", 0.01)

    async def scene(b: Bench) -> None:
        ref = await opened(b)
        reply = await attach(b, ref, "a.bin", bytes(guard.BODY_LIMIT + 1))
        assert (reply.status_code, reply.headers["retry-after"]) == (503, "30")
        assert (await attach(b, ref, "a.bin", b"small")).status_code == 303

    play(tmp_path, scene)


def test_an_internal_file_is_the_providers_alone(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        ref = await opened(b)
        await attach(b, ref, "canarino-interno.txt", b"canarino", public="0")
        await attach(b, ref, "per-tutti.txt", b"tutti", public="1")
        store = b.desk.store
        customer = CUSTOMER.scope
        both = store.views.ticket(Scope.of_staff(), ref)
        assert both is not None
        hidden, shown = (one.mark for one in both.attachments)
        assert store.attachments.content(customer, ref, hidden) is None
        assert store.attachments.content(customer, ref, shown) is not None
        assert store.attachments.content(Scope.of_staff(), ref, hidden) is not None
        assert store.attachments.content(Scope(tenant_id="altri"), ref, shown) is None
        view = store.views.ticket(customer, ref)
        assert view is not None
        assert [one.name for one in view.attachments] == ["per-tutti.txt"]
        find = store.views.queue
        assert find(customer, Wish(text="canarino")).lines == ()
        assert len(find(Scope.of_staff(), Wish(text="canarino")).lines) == 1
        assert len(find(customer, Wish(text="per-tutti")).lines) == 1
        # What a customer's people attach, is theirs to see.
        put = store.files.put
        own = put(CUSTOMER, ref, upload("mio.txt", b"mio", public=False))
        assert own is not None
        assert own.public
        assert store.attachments.content(customer, ref, own.mark) is not None
        with store.database.write() as db:
            db.execute(update(ticket).values(audience="provider"))
        assert put(CUSTOMER, ref, upload("mio.txt", b"x", public=True)) is None

    play(tmp_path, scene)


def test_a_ticket_has_room_for_so_much_and_the_same_is_kept_once(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        ref = await opened(b)
        put = b.desk.store.files.put

        def send(content: bytes, *, public: bool = True) -> Any:
            kept = put(STAFF, ref, upload("a.bin", content, public=public))
            assert kept is not None
            return kept.attachment_id

        first = send(bytes(FILE_LIMIT))
        assert send(bytes(FILE_LIMIT)) == first
        assert send(bytes(FILE_LIMIT), public=False) == first + 1
        with pytest.raises(FileError, match="full"):
            send(bytes(6 * 2**20))
        with pytest.raises(FileError, match="large"):
            send(bytes(FILE_LIMIT + 1))
        assert send(b"small") == first + 2

    play(tmp_path, scene)


def test_a_note_goes_with_a_file_and_is_kept_when_the_file_is_not(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        ref = await opened(b)
        reply = await attach(b, ref, "a.txt", b"", words="Ecco <la> schermata")
        assert reply.status_code == 422
        assert "Ecco &lt;la&gt; schermata</textarea>" in reply.text
        reply = await attach(b, ref, "a.txt", b"x", words="segretissimo")
        assert reply.status_code == 303
        found = b.desk.store.views.queue
        assert len(found(Scope.of_staff(), Wish(text="segretissimo")).lines) == 1
        assert found(CUSTOMER.scope, Wish(text="segretissimo")).lines == ()
        await attach(b, ref, "b.txt", b"y", words="visibile", public="1")
        assert len(found(CUSTOMER.scope, Wish(text="visibile")).lines) == 1
        reply = await attach(b, ref, "c.txt", b"z", words="x" * 2001)
        assert (reply.status_code, "x" * 2001 in reply.text) == (422, True)

    play(tmp_path, scene)
