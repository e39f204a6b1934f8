"""Requests of people: taken down, asked about, promised, and who may do it."""

from pathlib import Path
from typing import Any

import pytest

from scudo_agent.desk.rights import Role
from scudo_agent.desk.store.files import FILE_LIMIT
from scudo_agent.desk.store.requests import Asked, RequestError
from scudo_agent.desk.store.scope import Person, Scope
from scudo_agent.desk.uploads import upload
from scudo_agent.instant import HOUR, MINUTE, Instant, format_instant
from support.desk_scene import play
from support.desking import T0, Bench, contract, site
from support.storms import subjects, text

OURS = {"Sec-Fetch-Site": "same-origin"}
ADMIN = Person(tenant_id="@provider", role=Role.ADMIN, actor="person:admin")
BODY = contract() | {
    "clocks": [
        {"name": "c", "within": 4, "unit": "working_hours", "until": "taken"},
        {
            "name": "base",
            "within": 2,
            "unit": "working_hours",
            "until": "answered",
            "when": {"category": ["base"]},
        },
    ],
    "requests": {
        "clocks_for": ["Telefono", "AltecMonitor"],
        "categories": [
            {"id": "base", "title": {"it": "Base", "en": "Basics"}, "severity": 2},
            {"id": "hw", "title": {"it": "Hardware", "en": "Hardware"}},
        ],
        "required": ["detected_at", "url", "description"],
    },
}


def asked(**keys: Any) -> Asked:
    given: dict[str, Any] = {
        "tenant_id": "acme",
        "site_id": "acme-milano",
        "channel": "phone",
        "received": T0,
        "description": "Il gestionale è lento\nda stamattina",
    }
    return Asked(**given | keys)


def line(b: Bench, ref: str) -> Any:
    view = b.desk.store.views.ticket(Scope.of_staff(), ref)
    assert view is not None
    return view.line


def test_a_call_is_a_ticket_with_a_receipt(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        b.desk.enrol_embedded(site(brings=BODY))
        b.clock.forward(300)
        who = {"name": "Un collega", "mail": "chi@acme.example"}
        ref = b.desk.store.requests.open(ADMIN, asked(category="base", requester=who))
        assert ref is not None
        found = line(b, ref)
        assert (found.origin, found.channel, found.severity) == ("Telefono", "phone", 2)
        assert (found.provisional, found.received) == (True, T0)
        assert found.title == {"it": "Il gestionale è lento"}
        # From the call's begin, not from when it was written down.
        assert format_instant(found.due) == "2026-11-23T11:41:50Z"
        await b.desk.send_mails()
        ((to, _),) = b.mails.mails
        assert to == "chi@acme.example"
        assert subjects(b) == [f"[{ref}] Il gestionale è lento – richiesta ricevuta"]
        told = " ".join(text(b).split())
        assert "2 · M non bloccante (provvisoria)" in told
        assert "presa in carico entro le 14:41 (4 ore lavorative)" in told
        assert "risposta entro le 12:41 (2 ore lavorative)" in told
        assert "data e ora" in told
        assert found.status == "new"

    play(tmp_path, scene)


def test_another_way_has_no_clocks_and_says_so(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        b.desk.enrol_embedded(site(brings=BODY))
        ref = b.desk.store.requests.open(
            ADMIN, asked(channel="whatsapp", url="https://a.example", detected=T0)
        )
        assert ref is not None
        assert line(b, ref).due is None
        await b.desk.send_mails()
        told = " ".join(text(b).split())
        assert "nessuno per una richiesta arrivata così" in told
        assert "Telefono" in told
        assert "Vi chiediamo" not in told
        assert "la stabiliamo dopo il primo esame" in told

    play(tmp_path, scene)


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        b.desk.enrol_embedded(site(brings=BODY))
        wrong = asked(
            description="",
            category="x",
            channel="pigeon",
            url="erp",
            received=Instant(T0 + HOUR),
            requester={"mail": "nobody"},
        )
        with pytest.raises(RequestError) as told:
            b.desk.store.requests.open(ADMIN, wrong)
        fields = {"description", "category", "channel", "url", "received", "mail"}
        assert set(told.value.faults) == fields
        foreign = Person(tenant_id="other", role=Role.REFERENT, actor="person:9")
        assert b.desk.store.requests.open(foreign, asked()) is None
        assert b.desk.store.requests.open(ADMIN, asked(site_id="roma")) is None
        assert b.desk.store.requests.places(foreign) == ()

    play(tmp_path, scene)


def test_the_form_loses_nothing_and_takes_the_begin_of_the_call(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        b.desk.enrol_embedded(site(brings=BODY))
        b.desk.enrol_embedded(site(name="acme-roma"))
        assert (await b.client.get("/new")).status_code == 401
        await b.log_in()
        page = (await b.client.get("/new")).text
        began = format_instant(T0)
        assert f'value="{began}"' in page
        b.clock.forward(90)
        form = {
            "began": began,
            "q": "acme",
            "do": "find",
            "description": "Non <stampa>",
        }
        page = (await b.client.post("/new", data=form, headers=OURS)).text
        assert "acme-roma" in page
        assert "Non &lt;stampa&gt;" in page
        form |= {"site": "acme/acme-milano"}
        page = (await b.client.post("/new", data=form, headers=OURS)).text
        assert "Hardware" in page
        form |= {"do": "open", "channel": "phone", "url": "erp", "name": "Un collega"}
        reply = await b.client.post("/new", data=form, headers=OURS)
        assert reply.status_code == 422
        for typed in ("Un collega", "Non &lt;stampa&gt;", 'value="erp"', began):
            assert typed in reply.text
        form |= {"url": "https://erp.example/", "category": "hw", "severity": "1"}
        reply = await b.client.post("/new", data=form, headers=OURS)
        assert reply.status_code == 303
        ref = reply.headers["location"].removeprefix("/t/")
        found = line(b, ref)
        assert (found.received, found.severity, found.category) == (T0, 1, "hw")
        page = (await b.client.get(f"/t/{ref}")).text
        assert "Non &lt;stampa&gt;" in page
        assert "richiesta ricevuta" in page
        # A form of another site's page is not taken, nor a time that is not there.
        assert (await b.client.post("/new", data=form)).status_code == 403
        form |= {"received": "2026-11-23T25:00"}
        reply = await b.client.post("/new", data=form, headers=OURS)
        assert reply.status_code == 422
        assert (await b.client.get("/request")).status_code == 404

    play(tmp_path, scene)


def test_a_voicemail_was_received_when_it_was_left(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        b.desk.enrol_embedded(site(brings=BODY))
        await b.log_in()
        b.clock.forward(3600)
        form = {
            "site": "acme/acme-milano",
            "do": "open",
            "channel": "voicemail",
            "description": "Richiamate",
            "received": "2026-11-23T10:30",
        }
        reply = await b.client.post("/new", data=form, headers=OURS)
        found = line(b, reply.headers["location"].removeprefix("/t/"))
        assert (found.origin, found.channel) == ("Telefono", "voicemail")
        assert T0 - found.received == 11 * MINUTE + 50_000_000

    play(tmp_path, scene)


ASKS = BODY | {
    "requests": {
        "required": [
            "detected_at",
            "url",
            "description",
            "screenshot",
            "software_version",
            "conformity",
            "backup",
        ]
    }
}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


def test_the_form_asks_what_the_contract_asks_and_takes_files(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        b.desk.enrol_embedded(site(brings=ASKS))
        await b.log_in()
        page = (await b.client.get("/new?x=1")).text
        assert "software_version" not in page
        form = {"site": "acme/acme-milano", "description": "Lento", "q": "acme"}
        page = (await b.client.post("/new", data=form, headers=OURS)).text
        for name in ("software_version", "conformity", "backup", 'type="file"'):
            assert name in page
        form |= {"do": "open", "channel": "phone", "software_version": "J-7.2 <b>"}
        form |= {"backup": "yes", "url": "https://erp.example/"}
        empty = [("file", ("vuoto.txt", b"", "text/plain"))]
        reply = await b.client.post("/new", data=form, files=empty, headers=OURS)
        assert reply.status_code == 422
        for words in ("Il file è vuoto", "J-7.2 &lt;b&gt;", 'value="yes" checked'):
            assert words in reply.text, words
        many = [("file", (f"{n}.txt", b"%d" % n, "text/plain")) for n in range(4)]
        reply = await b.client.post("/new", data=form, files=many, headers=OURS)
        assert (reply.status_code, "3 file" in reply.text) == (422, True)
        brought = [
            ("file", ("schermata.png", PNG, "image/png")),
            ("file", ("registro.txt", b"errore", "text/plain")),
        ]
        reply = await b.client.post("/new", data=form, files=brought, headers=OURS)
        assert reply.status_code == 303, reply.text
        ref = reply.headers["location"].removeprefix("/t/")
        view = b.desk.store.views.ticket(Scope(tenant_id="acme"), ref)
        assert view is not None
        names = [(one.name, one.media_type[:6]) for one in view.attachments]
        assert names == [("schermata.png", "image/"), ("registro.txt", "applic")]
        assert view.line.request is not None
        assert view.line.request["software_version"] == "J-7.2 <b>"
        await b.desk.send_mails()
        told = " ".join(text(b).split())
        # Asked for is what is missing, and nothing else.
        assert "data e ora" in told
        assert "linee guida" in told
        for there in ("schermata", "versione del software", "copia"):
            assert there not in told, there
        page = (await b.client.get(f"/t/{ref}")).text
        assert "J-7.2 &lt;b&gt;" in page
        assert "schermata.png" in page

    play(tmp_path, scene)


def test_too_much_with_a_request_leaves_nothing_behind(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        b.desk.enrol_embedded(site(brings=ASKS))
        big = tuple(
            upload(f"{n}.bin", bytes([n]) * FILE_LIMIT, public=True) for n in range(3)
        )
        with pytest.raises(RequestError) as told:
            b.desk.store.requests.open(ADMIN, asked(files=big))
        assert set(told.value.faults) == {"file"}
        assert b.desk.store.views.tickets(Scope.of_staff()) == ()

    play(tmp_path, scene)
