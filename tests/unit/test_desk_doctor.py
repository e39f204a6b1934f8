"""`desk doctor` says of each thing whether it is well, and what to do if not."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from scudo_agent.agent import desk_health
from scudo_agent.agent.finding import Finding
from scudo_agent.cli.main import main
from scudo_agent.desk.mail.spool import Spool
from scudo_agent.desk.settings import DeskSettings, MailIn, Smtp
from scudo_agent.desk.store.tables import mail_outbox
from scudo_agent.desk.tls import make
from scudo_agent.instant import DAY, HOUR, MINUTE, Instant
from support.desk_scene import play
from support.desking import T0, Bench, HandClock, settings, stage
from support.json_page import DOCTOR, validator
from support.ports import free_port
from support.smtp_server import smtp_server


def looked(of: DeskSettings, at: int = T0) -> dict[str, Finding]:
    found = desk_health.examine(of, HandClock(Instant(at)))
    return {one.about: one for one in found}


def levels(of: DeskSettings, at: int = T0) -> dict[str, str]:
    return {about: one.level for about, one in looked(of, at).items()}


def test_a_desk_with_a_ticket_and_a_silent_agent(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage())

    play(tmp_path, scene)
    of = settings(tmp_path)
    soon = looked(of, T0 + MINUTE)
    assert soon["database"].level == soon["outbox"].level == "ok"
    assert soon["database"].seen.startswith("whole, schema 00")
    assert soon["outbox"].seen.startswith("1 mails wait")
    assert soon["agents"].seen == "all 1 are heard"
    assert soon["backup"].level == "warning"
    assert soon["contract"].seen == "none holds for acme/acme-milano"
    late = looked(of, T0 + 2 * HOUR)
    assert (late["outbox"].level, late["agents"].level) == ("warning", "warning")
    assert "acme/acme-milano/1 (7200 s ago)" in late["agents"].seen
    assert all(one.remedy for one in late.values() if one.level != "ok")


def test_mails_that_nobody_decides_about_are_told(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        raw = b"From: a@b.example\nSubject: x\nDate: today\n\nx\n"
        b.desk.store.mail_in.land(raw, source="pipe")

    play(tmp_path, scene)
    of = settings(tmp_path)
    assert looked(of, T0 + HOUR)["mail in"].level == "ok"
    late = looked(of, T0 + 25 * HOUR)["mail in"]
    assert (late.level, "/mail-in" in str(late.remedy)) == ("warning", True)
    assert late.seen.startswith("1 mails were set aside")


def test_mails_that_were_refused_are_named(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage())
        with b.desk.store.database.write() as db:
            db.execute(update(mail_outbox).values(state="failed"))

    play(tmp_path, scene)
    found = desk_health.examine(settings(tmp_path), HandClock())
    (failed,) = (one for one in found if "refused for good" in one.seen)
    assert failed.level == "warning"
    assert "desk outbox retry" in failed.remedy


def test_mails_that_the_desk_may_not_read_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = settings(tmp_path)
    mail = of.mail.model_copy(update={"incoming": MailIn()})
    of = of.model_copy(update={"mail": mail})
    path = Spool(of.spool).put(io.BytesIO(b"of: root\n\n"), Instant(T0))
    assert path is not None
    monkeypatch.setattr(Spool, "foreign", lambda _: [path])
    found = desk_health.examine(of, HandClock())
    (told,) = (one for one in found if "another user's" in one.seen)
    assert (told.about, told.level) == ("mail-in", "fault")
    assert path.name in told.seen
    assert "chown" in str(told.remedy)


@pytest.mark.parametrize("damage", [b"no database at all", b"SQLite format 3\x00" * 9])
def test_a_damaged_database_is_a_fault(tmp_path: Path, damage: bytes) -> None:
    of = settings(tmp_path)
    of.folder.mkdir()
    (of.folder / "desk.db").write_bytes(damage)
    found = looked(of)["database"]
    assert found.level == "fault"
    assert "desk restore" in found.remedy


def test_a_desk_that_never_ran_is_not_ill(tmp_path: Path) -> None:
    found = levels(settings(tmp_path))
    assert found["database"] == "ok"
    assert "fault" not in found.values()


def test_the_certificates_end_is_seen_beforehand(tmp_path: Path) -> None:
    of = settings(tmp_path, tls="own")
    assert looked(of)["tls"].level == "fault"
    make(of.folder / "tls", ["desk.example"], now=T0)
    assert levels(of)["tls"] == "ok"
    assert levels(of, T0 + 380 * DAY)["tls"] == "warning"
    ended = looked(of, T0 + 400 * DAY)["tls"]
    assert (ended.level, "ended" in ended.seen) == ("fault", True)
    open_ = settings(tmp_path, listen={"host": "0.0.0.0", "port": 0})
    assert levels(open_)["tls"] == "warning"


def mailing(tmp_path: Path, **smtp: Any) -> DeskSettings:
    given = {"host": "127.0.0.1", "tls": "none", "timeout_s": 5} | smtp
    mail = {"from": "desk@provider.example", "smtp": Smtp(**given)}
    return settings(tmp_path, mail=mail)


def test_the_mail_server_is_spoken_with_as_a_mail_would(tmp_path: Path) -> None:
    with smtp_server() as served:
        of = mailing(tmp_path, port=served.port)
        assert looked(of)["mail"].seen.endswith("answers without TLS")
        of = mailing(tmp_path, port=served.port, tls="starttls")
        refused = looked(of)["mail"]
        assert (refused.level, "takes no mail" in refused.seen) == ("fault", True)
        (tmp_path / "word").write_text("canarino-password\n")
        of = mailing(tmp_path, port=served.port, user="x", password="file:word")
        wrong = looked(of)["mail"]
        assert wrong.level == "fault"
        assert "canarino" not in str(wrong)
        assert served.taken == []
    of = mailing(tmp_path, port=free_port())
    assert looked(of)["mail"].level == "fault"


def test_the_command_prints_a_line_each_and_says_by_its_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text("state: desk\n")
    assert main(["desk", "doctor", "--settings", str(file)]) == 0
    told = capsys.readouterr().out
    assert "ok    settings listens at 127.0.0.1:8080" in told
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "desk.db").write_bytes(b"x" * 5000)
    assert main(["desk", "doctor", "--settings", str(file), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    validator(DOCTOR).validate(found)
    assert {one["about"] for one in found} >= {"clock", "disk", "mail", "database"}
    file.write_text("stat: desk\n")
    assert main(["desk", "doctor", "--settings", str(file)]) == 2
