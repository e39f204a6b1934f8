"""Every clock of a ticket, told to the agents' programs and on the terminal."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from scudo_agent.cli.main import main
from scudo_agent.desk.life import ActError, Triage
from scudo_agent.desk.store.coverage import Cover
from scudo_agent.desk.store.scope import Scope
from support.desk_scene import play
from support.desking import T0, Bench, contract, stage
from support.json_page import TICKETS, validator
from unit.test_desk_cli import SITE
from unit.test_desk_requests import ADMIN, BODY, asked

CLOCK = {"name": "presa", "within": 4, "unit": "working_hours", "until": "taken"}


def test_agents_and_the_terminal_are_told_every_clock(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    refs: list[str] = []
    site_file = tmp_path / "site.yaml"
    site_file.write_text(SITE.format(desk="embedded"))

    async def scene(b: Bench) -> None:
        agent = await b.agent(brings=contract() | {"clocks": [CLOCK]})
        reply = await agent.send(stage())
        refs.append(reply.json()["results"][0]["ticket"])
        path = "/v1/agents/self/tickets"
        one = await b.client.get(f"{path}/{refs[0]}", headers=agent.headers)
        (told,) = one.json()["promised"]["clocks"]
        assert (told["name"], told["state"]) == ("presa", "running")
        assert told["due"] == "2026-11-23T13:42:00Z"
        assert told["left_s"] > 0
        listed = await b.client.get(path, headers=agent.headers)
        assert listed.json()[0]["promised"] == one.json()["promised"]
        mails = await b.client.get(
            f"{path}/{refs[0]}?history=mails", headers=agent.headers
        )
        assert "promised" not in mails.json()

    play(tmp_path, scene)
    where = ["--site", str(site_file), "--state", str(tmp_path / "desk")]
    assert main(["tickets", *where]) == 0
    assert "taken by 11-23 14:42" in capsys.readouterr().out
    assert main(["tickets", refs[0], *where]) == 0
    shown = capsys.readouterr().out
    assert "clock presa (taken within 4 working hours)" in shown
    assert "due 2026-11-23 14:42" in shown
    assert main(["tickets", "--json", *where]) == 0
    found = json.loads(capsys.readouterr().out)
    validator(TICKETS).validate(found)
    (line,) = found
    assert [one["name"] for one in line["promised"]["clocks"]] == ["presa"]


def test_categories_are_those_of_the_contract_at_the_receipt(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await b.agent(brings=BODY)
        store = b.desk.store
        ref = store.requests.open(ADMIN, asked(category="base"))
        assert ref is not None
        other: dict[str, Any] = contract("altro") | {
            "requests": {"categories": [{"id": "rete", "title": {"it": "Rete"}}]}
        }
        store.contracts.put(other, actor="desk")
        cover = Cover(
            contract_id="altro", since=date(2026, 11, 24), until=None, actor="desk"
        )
        store.coverage.put("acme", "acme-milano", cover)
        b.clock.forward(2 * 86_400)
        store.coverage.settle_due()
        known = [one.id for one in store.acts.categories("acme", "acme-milano", T0)]
        assert known == ["base", "hw"]
        now = store.acts.categories("acme", "acme-milano", store.now())
        assert [one.id for one in now] == ["rete"]
        with pytest.raises(ActError, match="base, hw"):
            store.acts.do(ADMIN, ref, Triage(category="rete"), version=1)
        assert store.acts.do(ADMIN, ref, Triage(category="hw"), version=1)
        view = store.views.ticket(Scope.of_staff(), ref)
        assert view is not None
        assert view.line.category == "hw"

    play(tmp_path, scene)
