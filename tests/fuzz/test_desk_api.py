"""Generated bad input at the agents' API: refused in words, never a server error."""

import asyncio
import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from sqlalchemy import select

from scudo_agent.desk.api import agent_router
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.scope import Scope
from scudo_agent.desk.store.tables import stream_cursor
from scudo_agent.desk.ticket_json import view_json
from scudo_agent.locale import translator
from support.desk_thread import served_desk
from support.desking import INCIDENT, Bench, bench, site, stage

pytestmark = pytest.mark.fuzz


def _openapi() -> dict[str, Any]:
    app = FastAPI()
    app.include_router(agent_router(cast(DeskStore, None), lambda: None))
    return app.openapi()


schema = schemathesis.openapi.from_dict(_openapi())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Address and key of a served desk."""
    with served_desk(tmp_path_factory.mktemp("desk")) as desk:
        key = desk.enrol_embedded(site())
        hello: dict[str, Any] = {
            "epoch": None,
            "store_id": "s",
            "head_seq": {},
            "acked_seq": {},
            "wall": "2026-11-23T09:00:00Z",
            "mono_us": 1,
            "boot_id": "b",
        }
        reply = httpx.post(
            f"{desk.address}/v1/agents/self/hello",
            json=hello,
            headers={"Authorization": f"Bearer {key}"},
            trust_env=False,
        )
        assert reply.json()["epoch"] == 1
        yield desk.address, key


@schema.parametrize()
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_the_api_refuses_what_its_schema_does_not_know(
    case: schemathesis.Case[Any], served: tuple[str, str]
) -> None:
    url, key = served
    headers = {"Authorization": f"Bearer {key}"}
    response = case.call(base_url=url, headers=headers)
    case.validate_response(response, checks=[not_a_server_error])
    if response.status_code >= 400:
        assert response.headers["content-type"][0].startswith(
            "application/problem+json"
        )


NASTY: list[Any] = [
    None,
    True,
    -1,
    0,
    2**31,
    2**63,
    10**400,
    0.5,
    float("nan"),
    float("inf"),
    "",
    "\x00",
    "\ud800",
    "a" * 70_000,
    "9999-12-31T23:59:59.999999Z",
    "0001-01-01T00:00:00+14:00",
    "2026-11-23T09:00:00",
    "' OR 1=1 --",
    [],
    {},
    {"id": "{x}", "values": {"x": {"text": {"id": "{y}"}}}},
    [[[[[[[[]]]]]]]],
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything in a JSON value."""
    if path:
        yield path
    children: Any = ()
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    for name, inner in children:
        yield from places(inner, (*path, name))


VALID: dict[str, Any] = {
    "epoch": 1,
    "first_seq": 1,
    "events": [
        stage().model_dump(mode="json"),
        stage(2, 2, "recover").model_dump(mode="json"),
    ],
}
PLACES = list(places(VALID))


@st.composite
def spoiled(draw: st.DrawFn) -> dict[str, Any]:
    """A good batch with one to three places spoiled."""
    body = deepcopy(VALID)
    for path in draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=3)):
        value = draw(st.sampled_from(NASTY) | json_values)
        spoil(body, path, value, remove=draw(st.booleans()))
    return body


def spoil(body: Any, path: tuple[Any, ...], value: Any, *, remove: bool) -> None:
    """Change or remove what stands at `path`, if that is still there."""
    *way, last = path
    for name in way:
        if not _there(body, name):
            return
        body = body[name]
    if not _there(body, last):
        return
    if remove and isinstance(body, dict):
        del body[last]
    else:
        body[last] = value


def shifted(body: dict[str, Any], store: DeskStore) -> dict[str, Any]:
    """Continue where the stream stands, with a new incident, where not spoiled."""
    with store.database.read() as db:
        last = db.execute(select(stream_cursor.c.last_seq)).scalar() or 0
    if body.get("first_seq") == 1:
        body["first_seq"] = last + 1
    events = body.get("events")
    for event in events if isinstance(events, list) else []:
        if not isinstance(event, dict):
            continue
        if event.get("seq") in (1, 2):
            event["seq"] += last
        if event.get("incident_id") == INCIDENT:
            event["incident_id"] = f"{INCIDENT[:-8]}{last:08x}"
    return body


def _there(value: Any, name: Any) -> bool:
    if isinstance(value, dict):
        return name in value
    return isinstance(value, list) and name in range(len(value))


@pytest.fixture(scope="module")
def spoiling(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[asyncio.Runner, Bench, dict[str, str]]]:
    """A desk in a loop that lasts for all examples."""
    with asyncio.Runner() as runner:
        opened = bench(tmp_path_factory.mktemp("desk"))
        made = runner.run(opened.__aenter__())
        speaker = runner.run(made.agent())
        try:
            yield runner, made, speaker.headers
        finally:
            runner.run(opened.__aexit__(None, None, None))


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
@given(body=spoiled())
def test_a_spoiled_batch_is_refused_or_harmless(
    spoiling: tuple[asyncio.Runner, Bench, dict[str, str]], body: dict[str, Any]
) -> None:
    runner, made, headers = spoiling
    store = made.desk.store
    content = json.dumps(shifted(body, store)).encode()
    reply = runner.run(
        made.client.post(
            "/v1/agents/self/streams/I/events",
            content=content,
            headers=headers | {"Content-Type": "application/json"},
        )
    )
    assert reply.status_code in (200, 400, 409, 413, 422), reply.text
    runner.run(made.desk.send_mails())
    results = reply.json()["results"] if reply.status_code == 200 else []
    for ref in {one["ticket"] for one in results} - {""}:
        view = store.views.ticket(Scope.of_staff(), ref)
        assert view is not None
        view_json(view, translator("it"))


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=300) | st.just(b"[" * 100_000))
def test_bytes_that_are_no_json_are_refused(
    spoiling: tuple[asyncio.Runner, Bench, dict[str, str]], content: bytes
) -> None:
    runner, made, headers = spoiling
    for path in ("hello", "streams/I/events", "streams/I/gaps"):
        reply = runner.run(
            made.client.post(
                f"/v1/agents/self/{path}",
                content=content,
                headers=headers | {"Content-Type": "application/json"},
            )
        )
        assert reply.status_code in (400, 422), (reply.status_code, content)


def test_the_pages_take_any_path(tmp_path: Path) -> None:
    async def look() -> None:
        async with bench(tmp_path) as made:
            await made.log_in()
            for path in (
                "/t/%00",
                "/t/%ED%A0%80",
                "/t/" + "A" * 5000,
                "/in/%00",
                "/%2e",
            ):
                assert (await made.client.get(path)).status_code in (404, 400), path

    asyncio.run(look())
