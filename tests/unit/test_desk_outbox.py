"""`scudo-agent desk outbox`: mails that wait or failed, and those sent again."""

import json
from pathlib import Path

import pytest

from scudo_agent.cli.main import main
from scudo_agent.desk.mail.transport import TransportError
from scudo_agent.instant import DAY, SECOND
from support.desk_scene import play
from support.desking import Bench, stage
from support.json_page import MAILS, validator


def settings_file(folder: Path) -> Path:
    path = folder / "desk.yaml"
    path.write_text("state: desk\nmail: {from: desk@provider.example}\n")
    return path


async def refused(b: Bench) -> None:
    """An opening that the server refused for good, and a recovery that waits."""
    agent = await b.agent()
    await agent.send(stage())
    b.mails.faults = [TransportError("550 no such mailbox", permanent=True)]
    await b.desk.send_mails()
    b.clock.forward(60)
    await agent.send(stage(2, 2, "recover"))
    b.mails.faults = [TransportError("451 try later", permanent=False)]
    await b.desk.send_mails()


def test_each_says_what_waits_since_when_why_and_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    play(tmp_path, refused)
    words = ("--settings", str(settings_file(tmp_path)))
    assert main(["desk", "outbox", *words]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("1  SC-")
    assert "open to it@acme.example, since 2026-11-23T09:41:50Z" in first
    assert "refused for good: 550 no such mailbox; mend the reason, then:" in first
    assert first.endswith("scudo-agent desk outbox retry 1")
    assert "1 attempts failed, the last one: 451 try later; nothing" in second
    assert main(["desk", "outbox", "list", *words, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    validator(MAILS).validate(said)
    assert (said["waiting"], said["failed"]) == (1, 1)
    assert [one["state"] for one in said["mails"]] == ["failed", "waits"]
    assert main(["desk", "outbox", "show", "2", *words]) == 0
    assert json.loads(capsys.readouterr().out)["what"] == "recover"


def test_what_failed_is_sent_again_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    play(tmp_path, refused)
    words = ("--settings", str(settings_file(tmp_path)))
    assert main(["desk", "outbox", "retry", "2", *words]) == 0
    assert "no mail failed" in capsys.readouterr().out, "it waits, and goes by itself"
    assert main(["desk", "outbox", "retry", "all", *words]) == 0
    assert "sent again: 1" in capsys.readouterr().out
    sent: list[str] = []

    async def later(b: Bench) -> None:
        b.clock.forward(10 * DAY // SECOND)
        await b.desk.send_mails()
        sent.extend(to for to, _ in b.mails.mails)
        assert b.desk.store.unsent.listed().mails == ()

    play(tmp_path, later)
    assert sent == ["it@acme.example"] * 2
    assert main(["desk", "outbox", *words]) == 0
    assert "nothing waits: every mail has left" in capsys.readouterr().out


def test_one_behind_another_says_which_goes_first(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage(severity=2, rule="S3"))
        await agent.send(stage(2, 2, "raise"))
        found = b.desk.store.unsent.listed()
        assert [one.behind for one in found.mails] == [None, 1]
        assert found.waiting == 2

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show",), "required: MAIL"),
        (("retry", "x"), "'x' is no mail's number"),
        (("show", "9"), "no mail 9 waits"),
        (("retry", "9"), "no mail 9 waits"),
        (("show", "9" * 20), "waits; 'list' says which do"),
        (("list", "a", "b"), "'b' does not go with"),
    ],
)
def test_what_cannot_be_is_said(
    tmp_path: Path,
    words: tuple[str, ...],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def nothing(_: Bench) -> None:
        return

    play(tmp_path, nothing)
    given = ["desk", "outbox", *words, "--settings", str(settings_file(tmp_path))]
    assert main(given) == 2
    assert said in capsys.readouterr().err


def test_where_no_desk_has_run_there_is_no_outbox(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--settings", str(settings_file(tmp_path)))
    assert main(["desk", "outbox", *words]) == 2
    assert "no desk has run here" in capsys.readouterr().err
    assert main(["desk", "agents", "x", "y", *words]) == 2
    assert "does not go with" in capsys.readouterr().err
