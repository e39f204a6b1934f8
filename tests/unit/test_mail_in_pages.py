"""The pages of mails that came in: text only, for whoever decides; settings of it."""

from pathlib import Path

import pytest
from httpx import Response

from scudo_agent.desk.mail.line import Line
from scudo_agent.desk.rights import Role
from scudo_agent.desk.settings import REPLY_LOCAL, Mail, load_desk_settings
from scudo_agent.desk.store.mail_in import Landed
from scudo_agent.desk.store.reply_address import LOCAL_LIMIT
from scudo_agent.errors import ConfigError
from scudo_agent.instant import SECOND, Instant
from support.crew import OURS, hand
from support.desk_scene import play
from support.desking import T0, Bench, stage
from support.hostile_mails import hostile

MAIL = {"from": "desk@provider.example", "in": {}}
HTML = (
    b"From: Mallory <mallory@evil.example>\r\n"
    b"Subject: [%s] =?utf-8?q?=3Cb=3Eciao=E2=80=AE?=\r\n"
    b"Message-ID: <1@evil.example>\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    b"<p>Guasto <img src='https://evil.example/pixel'><script>x()</script></p>"
    b"<blockquote>vecchio</blockquote>\r\n"
)


def land(b: Bench, raw: bytes) -> Landed:
    return b.desk.store.mail_in.land(raw, source="pipe")


async def opened(b: Bench) -> str:
    agent = await b.agent()
    answer = await agent.send(stage())
    return str(answer.json()["results"][0]["ticket"])


def test_what_is_set_aside_is_shown_as_text(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        ref = await opened(b)
        landed = land(b, HTML % ref.encode())
        assert landed.outcome == "quarantined"
        dora = hand(b, Role.DISPATCHER, "Dora Dispatcher")
        listed = await dora.page("/mail-in")
        assert "Mallory &lt;mallory@evil.example&gt;" in listed
        assert f'href="/t/{ref}"' in listed
        page = await dora.page(f"/mail-in/{landed.number}")
        assert "Guasto" in page
        assert "<details" in page
        assert "vecchio" in page
        for never in ("<script", "pixel", "<img", "<b>", "\u202e"):
            assert never not in page.partition("<main")[2]
        original = await dora.client.get(f"/mail-in/{landed.number}/original")
        assert original.content == HTML % ref.encode()
        assert original.headers["content-type"] == "application/octet-stream"
        assert original.headers["content-disposition"].startswith("attachment;")
        assert "sandbox" in original.headers["content-security-policy"]

    play(tmp_path, scene, mail=MAIL)


def test_what_was_set_aside_is_put_where_it_belongs(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        ref = await opened(b)
        number = land(b, HTML % ref.encode()).number
        dora = hand(b, Role.DISPATCHER, "Dora Dispatcher")

        async def act(which: str, **form: str) -> Response:
            path = f"/mail-in/{number}/{which}"
            return await dora.client.post(path, data=form, headers=OURS)

        form = {"version": "1", "ref": "SC-AAAA-AAAA", "as": "internal"}
        again = await act("file", **form)
        assert again.status_code == 422
        assert 'value="SC-AAAA-AAAA"' in again.text
        assert (await act("file", version="1", ref=ref)).status_code == 422
        assert (await act("open", version="1", site="acme/x")).status_code == 422
        assert (await act("burn", version="1")).status_code == 404
        assert (await act("discard", version="7")).status_code == 409
        done = await act("file", **form | {"ref": ref})
        assert (done.status_code, done.headers["location"]) == (
            303,
            "/mail-in?done=file",
        )
        assert "Guasto" in await dora.page(f"/t/{ref}")
        rita = hand(b, Role.REFERENT, "Rita Referente", tenant="acme")
        assert "Guasto" not in await rita.page(f"/t/{ref}")
        page = await dora.page(f"/mail-in/{number}")
        assert "Dora Dispatcher" in page.partition("<main")[2]
        assert "<form" not in page.partition("<main")[2]
        number = land(b, (HTML % b"nuovo").replace(b"<1@", b"<2@")).number
        assert (await act("open", version="1", site="acme/acme-milano")).is_redirect
        number = land(b, (HTML % b"altro").replace(b"<1@", b"<3@")).number
        assert (await act("discard", version="1")).is_redirect
        assert "altro" in await dora.page("/mail-in?of=discarded")
        assert await dora.page("/mail-in") == await dora.page("/mail-in?of=nonsense")

    play(tmp_path, scene, mail=MAIL)


def test_only_who_assigns_work_sees_what_is_set_aside(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await b.agent()
        number = land(b, HTML % b"").number
        tina = hand(b, Role.TECHNICIAN, "Tina Tecnica")
        rita = hand(b, Role.REFERENT, "Rita Referente", tenant="acme")
        for one in (tina, rita):
            for path in ("", f"/{number}", f"/{number}/original"):
                assert (await one.client.get(f"/mail-in{path}")).status_code == 404
        assert "/mail-in" not in await tina.page("/")
        dora = hand(b, Role.DISPATCHER, "Dora Dispatcher")
        assert "/mail-in" in await dora.page("/")
        for path in ("0", "99", "x", "1e3", "9" * 30):
            assert (await dora.client.get(f"/mail-in/{path}")).status_code == 404

    play(tmp_path, scene, mail=MAIL)


def test_every_hostile_mail_has_a_page(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        dora = hand(b, Role.DISPATCHER, "Dora Dispatcher")
        for name, raw in hostile(large=False):
            number = land(b, raw).number
            answer = await dora.client.get(f"/mail-in/{number}")
            assert answer.status_code == 200, name

    play(tmp_path, scene, mail=MAIL)


def test_a_word_by_mail_says_so_and_folds_what_it_quotes(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        ref = await opened(b)
        to = b.desk.store.reply_addresses.make(ref, "it@acme.example")
        raw = (
            f"From: it@acme.example\r\nTo: {to}\r\nMessage-ID: <2@acme.example>\r\n\r\n"
            "Ora va.\r\n\r\nIl 23/11/2026 10:42, AltecMonitor ha scritto:\r\n"
            "> Gestionale non risponde.\r\n"
        )
        landed = land(b, raw.encode())
        assert landed.ref == ref
        tina, rita = hand(b), hand(b, Role.REFERENT, "Rita Referente", tenant="acme")
        original = f"/mail-in/{landed.number}/original"
        seen = await tina.page(f"/t/{ref}")
        assert "via e-mail" in seen
        assert "&gt; Gestionale non risponde." in seen.partition("<details")[2]
        assert original in seen
        assert (await tina.client.get(original)).status_code == 200
        theirs = await rita.page(f"/t/{ref}")
        assert "Ora va." in theirs
        assert original not in theirs
        assert (await rita.client.get(original)).status_code == 404

    play(tmp_path, scene, mail=MAIL)


def test_a_mailbox_that_is_lost_is_said_and_measured(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        line = Line(b.desk.settings.spool)
        line.looked(Instant(T0 - 600 * SECOND))
        line.lost(T0, "log-in refused")
        line.lost(Instant(T0 + 60 * SECOND), "log-in refused: no")
        dora = hand(b, Role.DISPATCHER, "Dora Dispatcher")
        page = await dora.page("/mail-in")
        assert "log-in refused: no" in page
        assert "2026-11-23T09:41:50Z" in page
        measured = b.desk.store.measures.read().arriving
        assert (measured.up, measured.looked) == (0, T0 - 600 * SECOND)
        line.looked(T0)
        assert "log-in refused" not in await dora.page("/mail-in")
        assert b.desk.store.measures.read().arriving.up == 1

    play(tmp_path, scene, mail=MAIL)


def test_an_address_without_room_for_a_token_is_a_fault(tmp_path: Path) -> None:
    assert REPLY_LOCAL == LOCAL_LIMIT
    path = tmp_path / "desk.yaml"
    long = "a" * (REPLY_LOCAL + 1)
    path.write_text(f"mail: {{from: '{long}@b.example', in: {{}}}}\n")
    with pytest.raises(ConfigError, match="31 signs before its '@'"):
        load_desk_settings(path)
    given = Mail.model_validate({"from": f"{long}@b.example", "in": {"address": "a@b"}})
    assert given.reply_address == "a@b"
