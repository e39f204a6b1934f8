"""A remote desk's version of the contract: fetched, kept, used, over restarts too."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from scudo_agent.agent.contracts import ContractWatch, disagreement, kept, with_kept
from scudo_agent.config.contract_body import body_sha256
from scudo_agent.config.site import DeskLink, Site
from scudo_agent.contract.model import Contract
from scudo_agent.instant import HOUR
from scudo_agent.store.agent_store import AgentStore
from scudo_agent.ticketing.port import DeskError, NoAnswer
from scudo_agent.wire import HelloReply
from scudo_agent.wire_site import ContractState
from support.desking import HandClock, contract, site


def state(revision: int = 1, name: str = "prova", **tickets: Any) -> ContractState:
    """A version as a desk tells it."""
    body = contract(name, **tickets)
    return ContractState(
        contract_id=name, revision=revision, sha256=body_sha256(body), body=body
    )


def greeting(revision: int = 1, name: str | None = "prova") -> HelloReply:
    """A desk's answer to a hello."""
    return HelloReply(
        epoch=1,
        last_contiguous_seq={"I": 0},
        desk_wall="2026-11-23T10:00:00Z",
        agent_id="acme/acme-milano/1",
        tenant_id="acme",
        site_id="acme-milano",
        contract_id=name,
        contract_revision=revision,
    )


@dataclass
class Source:
    """A desk that answers what it is told to."""

    answers: list[ContractState | DeskError | None] = field(default_factory=list)
    asked: int = 0

    async def contract(self) -> ContractState | None:
        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, DeskError):
            raise answer
        return answer


@dataclass
class User:
    """Stands for the runtime."""

    store: AgentStore
    site: Site
    used: list[Contract] = field(default_factory=list)

    def use_contract(self, contract: Contract) -> None:
        self.used.append(contract)


Play = Callable[..., User]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Let an agent that names `names` hear greetings, one after the other."""

    def played(
        source: Source, *greetings: HelloReply, names: str | None = "prova"
    ) -> User:
        async def main() -> User:
            store = AgentStore.open(
                tmp_path, site="acme-milano", clock=HandClock(), inline=True
            )
            remote = replace(
                site(names=names), desk=DeskLink(url="https://desk.example")
            )
            user = User(store, with_kept(remote, store.reader))
            watch = ContractWatch(user, source)
            try:
                for one in greetings:
                    watch.heard(one)
                    if watch._fetching is not None:
                        await asyncio.wait([watch._fetching])
            finally:
                await watch.close()
                store.close()
            return user

        return asyncio.run(main())

    return played


def test_the_desks_version_is_used_at_once_and_asked_for_once(play: Play) -> None:
    source = Source([state(reopen="2h")])
    user = play(source, greeting(), greeting(), greeting())
    assert source.asked == 1
    assert [one.tickets.reopen_us for one in user.used] == [2 * HOUR]


def test_without_the_desk_the_copy_holds_over_a_restart(play: Play) -> None:
    play(Source([state(reopen="2h")]), greeting())
    offline = Source()
    user = play(offline)
    assert user.site.contract is not None
    assert user.site.contract.tickets.reopen_us == 2 * HOUR
    assert str(user.site.contract.uptime.target) == "99.0"
    assert play(offline, greeting()).used == []
    assert offline.asked == 0


def test_a_new_revision_replaces_the_copy(play: Play) -> None:
    play(Source([state(reopen="2h")]), greeting())
    source = Source([state(2, reopen="6h")])
    user = play(source, greeting(2))
    assert [one.tickets.reopen_us for one in user.used] == [6 * HOUR]
    assert play(Source()).site.contract == user.used[0]


def test_another_contract_of_the_same_revision_is_a_new_one(play: Play) -> None:
    play(Source([state()]), greeting())
    user = play(Source([state(name="other")]), greeting(1, "other"))
    assert [one.id for one in user.used] == ["other"]


def test_another_text_of_the_same_revision_is_a_new_one(play: Play) -> None:
    old, new = state(reopen="2h"), state(reopen="6h")
    play(Source([old]), greeting())
    source = Source([new])
    told = greeting().model_copy(update={"contract_sha256": new.sha256})
    user = play(source, told, told)
    assert source.asked == 1
    assert [one.tickets.reopen_us for one in user.used] == [6 * HOUR]


def test_an_answer_that_does_not_come_is_asked_for_again(play: Play) -> None:
    source = Source([NoAnswer("gone"), state(reopen="2h")])
    user = play(source, greeting(), greeting())
    assert (source.asked, len(user.used)) == (2, 1)


def test_a_desk_that_has_none_takes_nothing_away(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    play(Source([state(reopen="2h")]), greeting())
    user = play(Source(), greeting(0, None), greeting(0, None))
    assert user.site.contract is not None
    assert caplog.text.count("the desk has none for it") == 1


@pytest.mark.parametrize("damage", ["hash", "body", "id"])
def test_what_cannot_be_gone_by_changes_nothing(
    play: Play, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    good = state(reopen="2h")
    bad = {
        "hash": good.model_copy(update={"sha256": "0" * 64}),
        "body": good.model_copy(update={"body": {"id": "prova"}}),
        "id": good.model_copy(update={"contract_id": "other"}),
    }
    play(Source([good]), greeting())
    user = play(Source([bad[damage]]), greeting(2))
    assert user.used == []
    assert "the old one stays" in caplog.text
    assert user.site.contract is not None


def test_a_copy_that_is_damaged_is_fetched_anew(play: Play, tmp_path: Path) -> None:
    play(Source([state()]), greeting())
    store = AgentStore.open(
        tmp_path, site="acme-milano", clock=HandClock(), inline=True
    )
    store.keep_contract('{"contract_id": "prova"').result()
    assert kept(store.reader) is None
    store.close()
    user = play(Source([state()]), greeting())
    assert len(user.used) == 1


def test_another_contract_than_the_file_names_holds_and_is_told_once(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    user = play(
        Source([state(name="other")]),
        *(greeting(1, "other"), greeting(1, "other")),
    )
    assert [one.id for one in user.used] == ["other"]
    assert caplog.text.count("names contract 'prova', and the desk has 'other'") == 1


def test_an_embedded_desks_site_keeps_its_file(tmp_path: Path) -> None:
    store = AgentStore.open(
        tmp_path, site="acme-milano", clock=HandClock(), inline=True
    )
    store.keep_contract(state().model_dump_json()).result()
    embedded = site()
    assert with_kept(embedded, store.reader) is embedded
    store.close()


@pytest.mark.parametrize(
    ("named", "told", "says"),
    [
        ("a", "a", False),
        (None, None, False),
        ("a", None, True),
        (None, "a", True),
        ("a", "b", True),
    ],
)
def test_what_the_file_and_the_desk_say_differently(
    named: str | None, told: str | None, says: bool
) -> None:
    assert bool(disagreement(named, told)) is says
