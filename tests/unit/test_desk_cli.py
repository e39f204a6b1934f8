"""`scudo-agent tickets`: from a stopped desk's file, a running one's, a remote one."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from scudo_agent.cli.main import main
from support.desk_scene import play
from support.desk_thread import served_desk
from support.desking import Bench, Speaker, site, stage

SITE = """\
version: 1
site: acme-milano
customer: {{id: acme, name: ACME S.p.A., mail: it@acme.example, language: it}}
timezone: Europe/Rome
desk: {desk}
targets:
  here: {{local: true, checks: {{disk: {{host: {{disk: /}}}}}}}}
"""


@pytest.fixture
def site_file(tmp_path: Path) -> Callable[[str], Path]:
    """Write a site file with that desk."""

    def write(desk: str) -> Path:
        path = tmp_path / "site.yaml"
        path.write_text(SITE.format(desk=desk))
        return path

    return write


async def a_day(b: Bench) -> str:
    """An incident with its mails: opened, raised, recovered."""
    agent = await b.agent()
    b.clock.forward(10)
    reply = await agent.send(stage(severity=2, rule="S3"))
    b.clock.forward(1)
    await b.desk.send_mails()
    await agent.send(stage(2, 2, "raise"))
    await agent.send(stage(9, 3, "recover").model_copy(update={"seq": 3}))
    b.clock.forward(80)
    await b.desk.send_mails()
    ref: str = reply.json()["results"][0]["ticket"]
    return ref


def test_a_stopped_desk_shows_its_tickets_and_their_history(
    tmp_path: Path,
    site_file: Callable[[str], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    refs: list[str] = []

    async def scene(b: Bench) -> None:
        refs.append(await a_day(b))

    play(tmp_path, scene)
    path = site_file("embedded")
    where = ["--site", str(path), "--state", str(tmp_path / "desk")]
    assert main(["tickets", *where]) == 0
    listed = capsys.readouterr().out
    assert refs[0] in listed
    assert "recovered" in listed
    assert "ERP at acme-milano" in listed
    assert main(["tickets", refs[0].lower(), *where]) == 0
    shown = capsys.readouterr().out
    for words in (
        "severity 1 (S1)",
        "10:41:50 first failure",
        "10:42:00 opened (S3)",
        "10:42:01 mail accepted",
        "10:42:10 raised to severity 1 (S1)",
        "recovered, dated 10:43:20: down 1 min 30 s",
        "mail accepted (same thread)",
    ):
        assert words in shown, shown
    assert main(["tickets", refs[0], "--json", *where]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [one["kind"] for one in data["history"]][:2] == ["first_failure", "open"]
    assert data["history"][0]["at"] == "2026-11-23T09:41:50Z"


def test_a_running_desk_is_read_beside_itself(
    tmp_path: Path,
    site_file: Callable[[str], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = site_file("embedded")

    async def scene(b: Bench) -> None:
        ref = await a_day(b)
        where = ["--site", str(path), "--state", str(tmp_path / "desk")]
        assert await asyncio.to_thread(main, ["tickets", ref, *where]) == 0
        assert ref in capsys.readouterr().out

    play(tmp_path, scene)


def test_what_is_not_there_is_one_line(
    tmp_path: Path,
    site_file: Callable[[str], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = site_file("embedded")
    where = ["--site", str(path), "--state", str(tmp_path / "desk")]
    assert main(["tickets", *where]) == 1
    assert "there is no desk's database" in capsys.readouterr().err

    async def scene(b: Bench) -> None:
        await b.agent()

    play(tmp_path, scene)
    assert main(["tickets", *where]) == 0
    assert capsys.readouterr().out == "no tickets\n"
    assert main(["tickets", "SC-0000-0000", *where]) == 2
    assert capsys.readouterr().err == "SC-0000-0000: the desk has no such ticket\n"


def test_a_remote_desk_is_asked_with_the_agents_key(
    tmp_path: Path,
    site_file: Callable[[str], Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def tell(address: str, key: str) -> str:
        async with httpx.AsyncClient(base_url=address, trust_env=False) as client:
            speaker = Speaker(client, key)
            await speaker.hello()
            reply = await speaker.send(stage())
            ref: str = reply.json()["results"][0]["ticket"]
            return ref

    with served_desk(tmp_path) as desk:
        key = desk.enrol_embedded(site())
        monkeypatch.setenv("DESK_KEY", key)
        ref = asyncio.run(tell(desk.address, key))
        where = [
            "--site",
            str(site_file(f'{{url: "{desk.address}", key: "env:DESK_KEY"}}')),
        ]
        assert main(["tickets", *where]) == 0
        assert ref in capsys.readouterr().out
        assert main(["tickets", ref, *where]) == 0
        assert "opened (S1)" in capsys.readouterr().out
        assert main(["tickets", "SC-0000-0000", *where]) == 2
        capsys.readouterr()
    assert main(["tickets", *where]) == 1
    assert "the desk cannot be asked" in capsys.readouterr().err
