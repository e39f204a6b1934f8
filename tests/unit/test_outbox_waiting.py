"""What waits for the desk, as people see it, and events that are sent again."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from scudo_agent.cli.main import main
from scudo_agent.judge.service import Timeline
from scudo_agent.model import Kind, State
from scudo_agent.store.agent_store import AgentStore
from scudo_agent.store.waiting import ledger_waiting, release, waiting
from support.both import Both
from support.json_page import OUTBOX, validator
from support.ledgers import ERP, SECOND, change, commit, rows
from support.sites import write_site
from support.storing import T0, opened, told

WORDS = {"no ticket yet", "recover of service:s1", "since", "refused it", "then:"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AgentStore]:
    store = opened(tmp_path / "state")
    store.commit(told(1)).result()
    store.commit(told(1, Kind.RECOVER)).result()
    store.grant(1).result()
    yield store
    store.close()


def asked(folder: Path) -> tuple[str, ...]:
    """The words that name the store's site."""
    site = write_site(folder)
    text = site.read_text()
    name = text.split("site: ")[1].split("\n")[0]
    site.write_text(text.replace(f"site: {name}", "site: acme-milano"))
    return "--site", str(site), "--state", str(folder / "state")


def test_each_says_what_waits_and_since_when(store: AgentStore) -> None:
    store.acknowledge("I", 1, {1: "SC-1"}).result()
    store.note_attempt("I", (2, 2), "no answer").result()
    (one,) = store.reader.read(waiting)
    assert (one.seq, one.ticket, one.kind) == (2, "SC-1", "recover")
    assert (one.attempts, one.error, one.set_aside) == (1, "no answer", None)
    assert one.stage["rev"] == 2


def test_one_that_the_desk_was_not_told_of_keeps_its_number(store: AgentStore) -> None:
    store.quarantine("I", 1, "no such severity").result()
    before = store.store_id
    assert store._writer.submit(lambda db: release(db, [1])).result() is None
    assert store.store_id == before
    assert [row.quarantined for row in store.pending()] == [None, None]


def test_one_whose_number_is_spent_is_told_again_with_all_others(
    store: AgentStore,
) -> None:
    store.quarantine("I", 1, "no such severity").result()
    store.acknowledge("I", 2, {2: "SC-1"}).result()
    assert store.pending() == []
    fresh = store._writer.submit(lambda db: release(db, [1])).result()
    assert fresh is not None
    assert store.reader.status().store_id == fresh
    store.grant(2).result()
    assert [row.seq for row in store.pending()] == [1, 2]
    assert store.reader.read(waiting)[0].set_aside is None


def test_the_ledger_is_one_line_as_long_as_it_merely_waits(
    tmp_path: Path, store: AgentStore, capsys: pytest.CaptureFixture[str]
) -> None:
    store.follow([ERP]).result()
    for second, state in enumerate((State.UP, State.DOWN, State.UP)):
        commit(store, change("a/1", state, second), change("b/1", state, second))
    store.acknowledge("I", 2, {}).result()
    store.quarantine("L", 1, "no such service").result()
    found = store.reader.read(ledger_waiting)
    assert [one.seq for one in found] == list(range(1, len(found) + 1))
    store.close()
    where = asked(tmp_path)
    assert main(["outbox", *where]) == 0
    aside, waits = capsys.readouterr().out.splitlines()
    assert aside.startswith("L1  ledger  erp ")
    assert (
        "the desk refused it: no such service; the desk counts that time as unknown"
        in aside
    )
    assert waits.startswith(f"L2 to L{len(found)}  ledger  {len(found) - 1} states, ")
    assert "not sent yet; nothing, it is sent again by itself" in waits
    assert main(["outbox", "show", "L1", *where]) == 0
    assert json.loads(capsys.readouterr().out)["event"]["service"] == "erp"
    assert main(["outbox", "--json", *where]) == 0
    found = json.loads(capsys.readouterr().out)
    validator(OUTBOX).validate(found)
    assert {one["stream"] for one in found} == {"L"}
    assert main(["outbox", "show", "L99", *where]) == 2


def test_what_was_set_aside_of_the_ledger_is_known_after_it_was_sent_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The desk has a tombstone under its number: another witness tells it all."""
    it = Both(tmp_path)
    for state in (State.UP, State.DOWN, State.UP):
        it.clock.forward(30)
        now = (it.clock.wall() - T0) // SECOND
        commit(it.store, change("a/1", state, now), change("b/1", state, now))
    it.tell(1)
    down = next(one for one in rows(it.store) if b'"state":"down"' in one.body)
    it.store.quarantine("L", down.seq, "no such service").result()
    asyncio.run(it.settled())
    assert states(it) == [State.UP, State.UNKNOWN, State.UP], "not up all the time"
    it.store.close()
    where = ("--site", asked(tmp_path)[1], "--state", str(tmp_path / "agent"))
    assert main(["outbox", *where]) == 0
    assert f"scudo-agent outbox retry L{down.seq}" in capsys.readouterr().out
    assert main(["outbox", "retry", "L99", *where]) == 2
    assert main(["outbox", "retry", f"L{down.seq}", *where]) == 0
    assert f"sent again: L{down.seq}" in capsys.readouterr().out
    it.store = opened(tmp_path / "agent", it.clock)
    try:
        it.tell(2)
        asyncio.run(it.settled())
        assert states(it) == [State.UP, State.DOWN, State.UP]
        assert len(it.refs()) == 2, "no ticket is doubled"
    finally:
        it.store.close()


def states(it: Both) -> list[State]:
    """What the desk knows of the service, in order."""

    async def known() -> dict[str, Timeline]:
        desk = await it.start()
        try:
            return desk.store.ledger.timelines("acme", "acme-milano")
        finally:
            await desk.close()

    whole = asyncio.run(known())["erp"][:-1]  # unknown since the last greeting
    return [state for state, _ in whole]


def test_the_command_says_it_in_a_line_and_sends_again(
    tmp_path: Path, store: AgentStore, capsys: pytest.CaptureFixture[str]
) -> None:
    store.acknowledge("I", 1, {}).result()
    store.quarantine("I", 2, "the desk says no").result()
    store.close()
    where = asked(tmp_path)
    assert main(["outbox", *where]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert all(word in line for word in WORDS)
    assert main(["outbox", "show", "2", *where]) == 0
    assert json.loads(capsys.readouterr().out)["event"]["kind"] == "recover"
    assert main(["outbox", "export", *where]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert main(["outbox", "show", "9", *where]) == 2
    assert main(["outbox", "retry", *where]) == 2
    capsys.readouterr()
    assert main(["outbox", "retry", "all", *where]) == 0
    assert "sent again: 2" in capsys.readouterr().out
    assert main(["outbox", *where]) == 0
    assert "not sent yet" in capsys.readouterr().out
