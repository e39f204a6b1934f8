"""Agent and desk of different versions: an earlier agent at this desk, this agent at
an earlier desk, by what was recorded of each version that left the house."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ValidationError

from scudo_agent.config.secret import Secret
from scudo_agent.model import State
from scudo_agent.ticketing.desk import DeskClient
from scudo_agent.wire import (
    BatchReply,
    EvidenceReply,
    Hello,
    HelloReply,
    KeyTaken,
    OpenIncident,
)
from scudo_agent.wire_site import ContractState, Windows, WindowsTaken
from support.both import Both
from support.desk_scene import play
from support.desking import Bench, contract, site
from support.ledgers import change, commit
from support.window_desk import SELF

RECORDED = sorted((Path(__file__).parents[1] / "cases" / "wire").glob("*.json"))
LATER = {"later": {"since": 3}}
WINDOW = {
    "id": "w",
    "kind": "ordinary",
    "services": ["*"],
    "announcements": [
        {
            "announced": "2026-11-20T10:00:00Z",
            "start": "2026-11-25T20:00:00Z",
            "end": "2026-11-25T22:00:00Z",
        }
    ],
}
STATE = {"contract_id": "c", "revision": 1, "sha256": "0" * 64, "body": {"id": "c"}}
OPEN = {
    "incident_id": "0193e1c0-0000-7000-8000-000000000001",
    "rev": 1,
    "subject_key": "service:erp",
    "since": "2026-11-23T09:41:50Z",
    "opened": "2026-11-23T09:41:50Z",
    "severity": 1,
    "rule": "S1",
    "audience": "customer",
    "reopen_count": 0,
    "ticket": "SC-1",
    "members": {"erp/web": "down"},
}


def recorded(name: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(name.read_text("utf-8"))
    return found


def answers() -> list[tuple[type[BaseModel], dict[str, Any]]]:
    """Each kind of answer, as desks gave it or as they would."""
    kinds: dict[str, type[BaseModel]] = {
        "/hello": HelloReply,
        "/streams/I/events": BatchReply,
        "/streams/L/gaps": BatchReply,
        "/key": KeyTaken,
    }
    found: list[tuple[type[BaseModel], dict[str, Any]]] = [
        (kinds[one["path"]], one["reply"])
        for name in RECORDED
        for one in recorded(name)["talk"]
        if one["path"] in kinds
    ]
    return [
        *found,
        (EvidenceReply, {"ticket": "SC-1"}),
        (OpenIncident, OPEN),
        (ContractState, STATE),
        (Windows, {"revision": 1, "windows": [WINDOW]}),
    ]


def grown(answer: Any) -> Any:
    """The same from a later desk: it has more to say of each thing."""
    if not isinstance(answer, dict):
        return answer
    inner = {
        key: [grown(one) for one in value] if isinstance(value, list) else value
        for key, value in answer.items()
    }
    return inner | LATER


@pytest.mark.parametrize(("kind", "answer"), answers())
def test_what_a_later_desk_says_more_is_passed_over(
    kind: type[BaseModel], answer: dict[str, Any]
) -> None:
    assert kind.model_validate(grown(answer)) == kind.model_validate(answer)


def test_a_mode_that_is_yet_to_come_counts_as_normal() -> None:
    greeting = next(one for kind, one in answers() if kind is HelloReply)
    for mode in ("normal", "recovery"):
        known = HelloReply.model_validate(greeting | {"mode": mode})
        assert (known.mode, known.later_mode) == (mode, None)
    later = json.dumps(
        greeting | {"mode": "read-only", "last_contiguous_seq": {"I": 7}}
    )
    reply = HelloReply.model_validate_json(later)
    assert (reply.mode, reply.later_mode) == ("normal", "read-only")
    assert reply.last_contiguous_seq == {"I": 7}, "all else counts"
    with pytest.raises(ValidationError):
        HelloReply.model_validate(greeting | {"mode": 3})


def test_a_window_of_a_kind_that_is_yet_to_come_is_left_aside() -> None:
    later = WINDOW | {"id": "x", "kind": "freeze", "depth": 3, "announcements": "soon"}
    said = {"revision": 4, "windows": [WINDOW, later]}
    taken = WindowsTaken.model_validate_json(json.dumps(said))
    assert [one.id for one in taken.windows] == ["w"]
    assert taken.later == [later]
    assert taken.named() == ["x (freeze)"]
    kept = WindowsTaken.model_validate_json(taken.model_dump_json())
    assert kept == taken, "the store keeps it for a later agent"
    known = {"revision": 4, "windows": [WINDOW], "later": [WINDOW | {"id": "y"}]}
    assert [w.id for w in WindowsTaken.model_validate(known).windows] == ["w", "y"]
    broken = {"revision": 4, "windows": [WINDOW | {"services": []}]}
    with pytest.raises(ValidationError):
        WindowsTaken.model_validate(broken)


def test_a_later_desk_is_greeted_through_the_client() -> None:
    """As it arrives, and not only as a model takes it."""
    greeting = next(one for kind, one in answers() if kind is HelloReply)
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=grown(greeting)))

    async def greet() -> HelloReply:
        key = Secret("k", reference="env:K")
        client = DeskClient("http://desk.example", key, transport=transport)
        body = recorded(RECORDED[0])["talk"][0]["body"]
        try:
            return await client.hello(Hello.model_validate(body))
        finally:
            await client.close()

    assert asyncio.run(greet()).epoch == greeting["epoch"]


@pytest.mark.parametrize("name", RECORDED, ids=lambda one: one.stem)
def test_what_an_earlier_agent_said_is_taken(tmp_path: Path, name: Path) -> None:
    async def scene(b: Bench) -> None:
        key = b.desk.enrol_embedded(site(brings=contract()))
        for one in recorded(name)["talk"]:
            reply = await b.client.request(
                one["method"],
                f"{SELF}{one['path']}",
                json=one["body"],
                headers={"Authorization": f"Bearer {key}"},
            )
            assert reply.status_code == one["status"], (one["path"], reply.text)
            if isinstance(one["reply"], dict):
                assert one["reply"].keys() <= reply.json().keys(), one["path"]
        counted = "SELECT count(*) FROM incident WHERE audience = 'customer'"
        with b.desk.store.database.read() as db:
            assert db.exec_driver_sql(counted).scalar_one() == 2

    play(tmp_path, scene)


@pytest.mark.parametrize("name", RECORDED, ids=lambda one: one.stem)
def test_an_earlier_desk_knows_all_that_this_agent_says(
    tmp_path: Path, name: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has nothing to say is left out: an earlier desk refuses unknown fields."""
    takes = recorded(name)["takes"]
    kinds = {
        "/hello": "Hello",
        "/streams/I/events": "Batch",
        "/streams/L/events": "LedgerBatch",
    }
    said: set[str] = set()
    ask = DeskClient._exchange

    async def note(self: DeskClient, request: httpx.Request) -> Any:
        path = request.url.path.removeprefix(SELF)
        schema = takes[kinds[path]] | {"additionalProperties": False}
        Draft202012Validator(schema).validate(json.loads(request.content))
        said.add(path)
        return await ask(self, request)

    monkeypatch.setattr(DeskClient, "_exchange", note)
    it = Both(tmp_path)
    try:
        commit(it.store, change("a/1", State.UP, 0))
        it.tell(1)
        asyncio.run(it.settled())
    finally:
        it.store.close()
    assert said == set(kinds)


def test_what_an_agent_should_not_say_is_refused_by_its_name(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        reply = await agent.hello(later=1)
        assert reply.status_code == 422
        assert reply.json()["where"] == "later"
        assert "not permitted" in reply.json()["detail"]

    play(tmp_path, scene)
