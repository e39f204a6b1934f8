"""Tests of a desk's store that are told once more, with PostgreSQL behind it."""

import importlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

from scudo_agent.config.server import Server
from scudo_agent.desk.store import desk_store, keeping
from scudo_agent.desk.store.database import Database
from scudo_agent.instant import Instant
from support import postgres
from support.postgres import Cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The server of this test process."""
    with postgres.running() as made:
        yield made


@pytest.fixture
def on_postgresql(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Every desk of the test has a database of its own, by its state folder."""
    known: dict[Path, Server] = {}
    with cluster.lending(tmp_path / "template") as another:

        def opened(
            folder: Path, *, at: Instant, server: Server | None = None
        ) -> tuple[Database, keeping.Noted]:
            if folder not in known:
                known[folder] = cluster.server(another())
            return keeping.opened(folder, at=at, server=server or known[folder])

        monkeypatch.setattr(desk_store, "opened", opened)
        yield
    assert known, "this test opens no desk's store: it proves nothing of PostgreSQL"


def behind(patch: pytest.MonkeyPatch, server: Server) -> None:
    """Have each desk keep its records in this one database."""

    def opened(
        folder: Path, *, at: Instant, **_: object
    ) -> tuple[Database, keeping.Noted]:
        return keeping.opened(folder, at=at, server=server)

    patch.setattr(desk_store, "opened", opened)


def again(
    *modules: str, besides: tuple[str, ...] = (), only: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The tests of these modules of `tests/unit`, with what their module calls them.

    Those that have a folder to keep a desk in, each with the first of its parameters:
    the others ask a server nothing else. `besides` are those that are about SQLite's
    file, or open no store; with `only` those alone, which must be there.
    """
    found: dict[str, Any] = {}
    for name in modules:
        module = importlib.import_module(f"unit.{name}")
        fixtures = dict(_fixtures(module))
        twice = [one for one, is_ in fixtures.items() if found.get(one, is_) is not is_]
        assert not twice, f"two fixtures of one name: {name}: {twice}"
        found |= fixtures
        keeping_one = {"tmp_path", *fixtures}
        short = name.removeprefix("test_").removeprefix("desk_")
        for test, one in vars(module).items():
            if not test.startswith("test_") or test in besides:
                continue
            if only and test not in only:
                continue
            if keeping_one & inspect.signature(one).parameters.keys():
                found[f"test_{short}__{test.removeprefix('test_')}"] = _first(one)
    taken = [name for name in found if "__" in name]
    assert len(taken) >= len(only), f"tests that are gone: {modules}"
    return found


def _fixtures(module: ModuleType) -> Iterator[tuple[str, Any]]:
    for name, one in vars(module).items():
        if hasattr(one, "_fixture_function"):
            yield name, one


def _first(test: Callable[..., Any]) -> Callable[..., Any]:
    """The test with the first of its parameters; the module's own stays as it is."""
    assert isinstance(test, FunctionType)
    copy = FunctionType(
        test.__code__,
        test.__globals__,
        test.__name__,
        test.__defaults__,
        test.__closure__,
    )
    copy.__kwdefaults__ = test.__kwdefaults__
    copy.__dict__.update(test.__dict__)
    copy.pytestmark = [  # type: ignore[attr-defined]
        _narrowed(mark) for mark in getattr(test, "pytestmark", [])
    ]
    return copy


def _narrowed(mark: pytest.Mark) -> pytest.Mark:
    if mark.name != "parametrize":
        return mark
    names, values = mark.args
    return pytest.mark.parametrize(names, list(values)[:1]).mark
