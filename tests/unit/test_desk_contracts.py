"""Contracts at the desk: versions that are kept, and which one holds at a site."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete

from scudo_agent.agent import desk_health
from scudo_agent.cli.main import main
from scudo_agent.config.contract_body import body_of, body_sha256
from scudo_agent.config.yaml_source import parse
from scudo_agent.desk.contract_folder import read_contracts
from scudo_agent.desk.settings import load_desk_settings
from scudo_agent.desk.store.scope import Scope
from scudo_agent.desk.store.tables import contract_version
from scudo_agent.errors import ConfigError, InputError
from support.desk_scene import play
from support.desking import (
    Bench,
    HandClock,
    Speaker,
    bench,
    contract,
    settings,
    site,
    stage,
)

FILE = """\
id: {name}
title: Contratto {name}
year_start: 2026-01-01
uptime: {{target: {target}}}
service_hours: {{weekly: {{mon-fri: ["09:00-18:00"]}}}}
tickets: {{close_after: 1h}}
"""


SITE = """\
version: 1
site: acme-milano
customer: {id: acme, name: ACME S.p.A., mail: it@acme.example, language: it}
timezone: Europe/Rome
contract: due
desk: {url: "https://desk.example", key: file:agent.key}
targets:
  here: {local: true, checks: {disk: {host: {disk: /}}}}
"""


def folder(tmp_path: Path, **targets: str) -> Path:
    """A folder of contract files, by id and target."""
    made = tmp_path / "contracts"
    made.mkdir(exist_ok=True)
    for name, target in targets.items():
        (made / f"{name}.yaml").write_text(FILE.format(name=name, target=target))
    return made


async def asked(agent: Speaker) -> Any:
    """What the desk says of the agent's contract."""
    reply = await agent.client.get("/v1/agents/self/contract", headers=agent.headers)
    assert reply.status_code in (200, 404)
    return reply.json() if reply.status_code == 200 else None


def test_decimals_stay_the_texts_of_the_file() -> None:
    doc = parse("id: a\nuptime: {target: 99.90}\nlist: [1, 2.50, x, null]\n", "a.yaml")
    body = body_of(doc)
    assert body == {
        "id": "a",
        "uptime": {"target": "99.90"},
        "list": [1, "2.50", "x", None],
    }


@given(st.permutations(["id", "title", "year_start", "uptime", "tickets"]))
def test_the_order_of_keys_makes_no_new_version(keys: list[str]) -> None:
    whole = contract(reopen="4h")
    shuffled = {key: whole[key] for key in [*keys, *(whole.keys() - set(keys))]}
    assert body_sha256(shuffled) == body_sha256(whole)


def test_an_embedded_agent_brings_its_contract(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent(brings=contract(close_after="1h"))
        reply = (await agent.hello()).json()
        assert (reply["contract_id"], reply["contract_revision"]) == ("prova", 1)
        assert reply["contract_sha256"] == body_sha256(contract(close_after="1h"))
        state = await asked(agent)
        assert state["body"] == contract(close_after="1h")
        assert state["sha256"] == body_sha256(state["body"])
        (line,) = b.desk.store.contracts.versions("prova")
        assert line.actor == "agent:acme/acme-milano/1"

    play(tmp_path, scene)


def test_a_changed_file_is_the_next_revision_and_the_first_one_stays(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        first, second = contract(close_after="1h"), contract(close_after="2h")
        for body in (first, first, second, second, first):
            b.clock.forward(60)
            b.desk.enrol_embedded(site(brings=body))
        versions = b.desk.store.contracts.versions("prova")
        assert [one.revision for one in versions] == [1, 2, 3]
        assert [one.body for one in versions] == [first, second, first]
        assert versions[0].stored < versions[1].stored < versions[2].stored

    play(tmp_path, scene)


def test_a_site_without_a_contract_has_none(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        b.desk.store.contracts.put(contract("other"), actor="desk")
        agent = await b.agent()
        reply = (await agent.hello()).json()
        assert (reply["contract_id"], reply["contract_revision"]) == (None, 0)
        assert reply["contract_sha256"] is None
        assert await asked(agent) is None

    play(tmp_path, scene)


def test_a_site_names_a_contract_of_the_desks_folder(tmp_path: Path) -> None:
    folder(tmp_path, uno="99.5", due="99.0")

    async def scene(b: Bench) -> None:
        agent = await b.agent(names="uno")
        state = await asked(agent)
        assert (state["contract_id"], state["revision"]) == ("uno", 1)
        assert state["body"]["uptime"] == {"target": "99.5"}

    play(tmp_path, scene, contracts="contracts")


def test_what_changed_while_the_desk_was_stopped_is_a_new_revision(
    tmp_path: Path,
) -> None:
    async def revisions() -> list[str]:
        async with bench(tmp_path, contracts="contracts") as b:
            found = b.desk.store.contracts.versions("uno")
            return [str(one.body["uptime"]["target"]) for one in found]

    folder(tmp_path, uno="99.5")
    assert asyncio.run(revisions()) == ["99.5"]
    assert asyncio.run(revisions()) == ["99.5"]
    folder(tmp_path, uno="99.50")
    assert asyncio.run(revisions()) == ["99.5", "99.50"]


def test_a_start_takes_back_nothing_that_a_person_wrote(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The file holds again as soon as it says something else than it did."""

    async def targets(write: str | None = None) -> list[str]:
        async with bench(tmp_path, contracts="contracts") as b:
            store = b.desk.store.contracts
            if write is not None:
                (*_, last) = store.versions("uno")
                body = {**last.body, "uptime": {"target": write}}
                store.put(body, actor="person:7")
            return [str(one.body["uptime"]["target"]) for one in store.versions("uno")]

    def said() -> list[str]:
        of = settings(tmp_path, contracts="contracts")
        found = desk_health.examine(of, HandClock())
        return [one.seen for one in found if "not its file" in one.seen]

    folder(tmp_path, uno="99.5")
    assert asyncio.run(targets("99.9")) == ["99.5", "99.9"]
    (seen,) = said()
    assert seen.startswith("'uno': version 2 by person:7 holds, not its file in ")
    assert "person:7" not in caplog.text
    assert asyncio.run(targets()) == ["99.5", "99.9"]
    assert "contract 'uno': version 2 by person:7 holds, not the file" in caplog.text
    folder(tmp_path, uno="99.7")
    assert said() == []
    assert asyncio.run(targets()) == ["99.5", "99.9", "99.7"]
    assert asyncio.run(targets("99.5")) == ["99.5", "99.9", "99.7", "99.5"]
    folder(tmp_path, uno="99.5")  # what was written is in the file by now
    assert said() == []
    assert asyncio.run(targets()) == ["99.5", "99.9", "99.7", "99.5"]


def test_an_agents_file_takes_back_nothing_either(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        brought, store = contract(close_after="1h"), b.desk.store.contracts
        b.desk.enrol_embedded(site(brings=brought))
        store.put(contract(close_after="2h"), actor="person:7")
        b.desk.enrol_embedded(site(brings=brought))
        assert [one.revision for one in store.versions("prova")] == [1, 2]
        b.desk.enrol_embedded(site(brings=contract(close_after="3h")))
        assert [one.revision for one in store.versions("prova")] == [1, 2, 3]

    play(tmp_path, scene)


def test_doctor_names_a_fault_in_a_contract_file(tmp_path: Path) -> None:
    play(tmp_path, _nothing)
    folder(tmp_path, uno="101")
    found = desk_health.examine(settings(tmp_path, contracts="contracts"), HandClock())
    (bad,) = (one for one in found if "uno.yaml:4:" in one.seen)
    assert (bad.about, bad.level) == ("contract", "fault")


async def _nothing(b: Bench) -> None:
    """A desk that was started once."""


def test_an_unknown_contract_is_refused_with_those_that_there_are(
    tmp_path: Path,
) -> None:
    folder(tmp_path, uno="99.5", due="99.0")

    async def scene(b: Bench) -> None:
        with pytest.raises(InputError) as caught:
            b.desk.enrol_embedded(site(names="tre"))
        assert "no contract 'tre'" in str(caught.value)
        assert "it has due, uno" in str(caught.value)
        assert b.desk.store.keys.whose("x") is None

    play(tmp_path, scene, contracts="contracts")


def test_the_command_refuses_it_and_enrols_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder(tmp_path, uno="99.5")
    settings = tmp_path / "desk.yaml"
    settings.write_text("listen: {port: 0}\ncontracts: contracts\n")
    path = tmp_path / "site.yaml"
    path.write_text(SITE)
    words = ["desk", "agent", str(path), "--settings", str(settings)]
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "no contract 'due' for site acme-milano; it has uno" in said.err
    folder(tmp_path, due="99.0")
    assert main(words) == 0


def test_a_site_whose_contract_is_nowhere_is_told_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def enrolled() -> None:
        async with bench(tmp_path) as b:
            await b.agent(brings=contract("gone"))
            with b.desk.store.database.write() as db:
                db.execute(delete(contract_version))

    async def again() -> None:
        async with bench(tmp_path):
            pass

    asyncio.run(enrolled())
    assert "names contract" not in caplog.text
    asyncio.run(again())
    assert "acme/acme-milano names contract 'gone'" in caplog.text


def test_two_files_of_one_contract_must_say_the_same(tmp_path: Path) -> None:
    made = folder(tmp_path, uno="99.5")
    (one,) = read_contracts(made)

    async def scene(b: Bench) -> None:
        b.desk.enrol_embedded(site(brings=dict(one.body)))
        with pytest.raises(InputError, match="keep one"):
            b.desk.enrol_embedded(site(brings=contract("uno")))
        b.desk.enrol_embedded(site(brings=contract("due")))

    play(tmp_path, scene, contracts="contracts")


def test_a_ticket_shows_the_title_that_the_contract_has_now(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent(brings=contract())
        await agent.send(stage())
        b.desk.store.contracts.put({**contract(), "title": "Nuovo"}, actor="desk")
        (line,) = b.desk.store.views.tickets(Scope.of_staff())
        assert line.contract == "Nuovo"

    play(tmp_path, scene)


def test_a_contract_is_seen_by_its_own_site_only(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        mine = await b.agent(brings=contract("mine"))
        other = await b.agent(customer="other", name="other", brings=contract("theirs"))
        assert (await asked(mine))["contract_id"] == "mine"
        assert (await asked(other))["contract_id"] == "theirs"

    play(tmp_path, scene)


def test_all_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    made = folder(tmp_path, uno="99.5", due="101", tre="0")
    (made / "vier.yaml").write_text("id: [\n")
    (made / "zwei.yaml").write_text(FILE.format(name="uno", target="99"))
    (made / "notes.txt").write_text("no contract")
    with pytest.raises(ConfigError) as caught:
        read_contracts(made)
    found = [(Path(f.file).name, f.line) for f in caught.value.faults]
    assert found == [
        ("due.yaml", 4),
        ("tre.yaml", 4),
        ("vier.yaml", 2),
        ("zwei.yaml", 1),
    ]
    assert "uno.yaml too" in caught.value.faults[-1].what


def test_a_folder_that_is_not_there_is_a_fault_of_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "desk.yaml"
    path.write_text("state: x\ncontracts: none\n")
    with pytest.raises(ConfigError, match=r"desk\.yaml:2:12: .*is no folder"):
        load_desk_settings(path)


def test_a_desk_with_a_bad_contract_does_not_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder(tmp_path, uno="101")
    (tmp_path / "desk.yaml").write_text("listen: {port: 0}\ncontracts: contracts\n")
    code = main(["desk", "run", "--settings", str(tmp_path / "desk.yaml")])
    assert code == 2
    assert "uno.yaml:4:18: " in capsys.readouterr().err
    assert not (tmp_path / "desk-state").exists()
