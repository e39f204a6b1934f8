"""Generated bad windows at the agents' API: refused in words, or harmless."""

import asyncio
import json
from collections.abc import Iterator
from copy import deepcopy
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.desking import Bench, bench
from support.window_desk import NEW, SELF, SERIES, SPAN, Planner, planner

pytestmark = pytest.mark.fuzz

NASTY: list[Any] = [
    None,
    True,
    0,
    10**400,
    float("nan"),
    "",
    " ",
    "\x00",
    "\ud800",
    "*",
    "erp",
    "../../etc/passwd",
    "a" * 70_000,
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.999999Z",
    "2026-11-26T22:00:00",
    "2026-11-27T01:00:00.0000001Z",
    "9999-12-31",
    "0001-01-01",
    "last day 00:00-24:00",
    "every sunday 02:30-02:31",
    "Europe/Rome",
    "America",
    "' OR 1=1 --",
    [],
    ["*", "*"],
    {},
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
SINGLE = NEW | SPAN | {"peak_notice": None}
RECURRING = NEW | {
    "kind": "upgrade",
    "peak_notice": "2026-11-20T22:00:00Z",
    "series": SERIES | {"first": "2026-12-01", "zone": "Europe/Rome"},
}
FIELDS = [
    (base, path)
    for base in (SINGLE, RECURRING)
    for path in [(key,) for key in base]
    + [("series", key) for key in base.get("series", ())]
]


@st.composite
def spoiled(draw: st.DrawFn) -> dict[str, Any]:
    """A good request with one to three fields spoiled."""
    base = draw(st.sampled_from([SINGLE, RECURRING]))
    body: dict[str, Any] = deepcopy(base)
    paths = [path for one, path in FIELDS if one is base]
    for path in draw(st.lists(st.sampled_from(paths), min_size=1, max_size=3)):
        inside = body if len(path) == 1 else body.get(path[0])
        if isinstance(inside, dict):
            inside[path[-1]] = draw(st.sampled_from(NASTY) | json_values)
    return body


@pytest.fixture(scope="module")
def planning(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[asyncio.Runner, Bench, Planner, Iterator[int]]]:
    """A desk in a loop that lasts for all examples."""
    with asyncio.Runner() as runner:
        opened = bench(tmp_path_factory.mktemp("desk"))
        made = runner.run(opened.__aenter__())
        desk = runner.run(planner(made))
        runner.run(made.log_in())
        try:
            yield runner, made, desk, count()
        finally:
            runner.run(opened.__aexit__(None, None, None))


async def _try(b: Bench, desk: Planner, body: dict[str, Any], key: str) -> None:
    headers = desk.speaker.headers | {
        "Idempotency-Key": key,
        "Content-Type": "application/json",
    }
    before = (await desk.windows())["revision"]
    reply = await b.client.post(
        f"{SELF}/windows", content=json.dumps(body).encode(), headers=headers
    )
    assert reply.status_code in (201, 400, 413, 422), reply.text
    after = (await desk.windows())["revision"]
    assert (after > before) == (reply.status_code == 201)
    assert after >= before
    if reply.status_code != 201:
        assert reply.headers["content-type"] == "application/problem+json"
        return
    name = reply.json()["windows"][0]["id"]
    change = {"by": "x", "change": "y", "reason": "z"}
    corrected = await desk.post(f"/windows/{name}/corrections", change)
    assert corrected.status_code == 201
    await b.desk.send_mails()
    assert (await desk.get("/windows.ics")).status_code == 200
    assert (await b.client.get("/maintenance")).status_code == 200


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
def test_a_spoiled_window_is_refused_or_harmless(
    planning: tuple[asyncio.Runner, Bench, Planner, Iterator[int]],
    body: dict[str, Any],
) -> None:
    runner, made, desk, keys = planning
    runner.run(_try(made, desk, body, f"fuzzed-{next(keys):06}"))
