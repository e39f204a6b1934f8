"""Tests of a desk's store that are told once more, with PostgreSQL behind it."""

import importlib
from collections.abc import Iterator
from pathlib import Path
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
) -> None:
    """Every desk of the test has a database of its own, by its state folder."""
    known: dict[Path, Server] = {}

    def opened(
        folder: Path, *, at: Instant, server: Server | None = None
    ) -> tuple[Database, keeping.Noted]:
        if folder not in known:
            name = cluster.migrated(tmp_path / "template")
            known[folder] = cluster.server(name)
        return keeping.opened(folder, at=at, server=server or known[folder])

    monkeypatch.setattr(desk_store, "opened", opened)


def again(*modules: str, besides: tuple[str, ...] = ()) -> dict[str, Any]:
    """The tests of these modules of `tests/unit`, with what their module calls them.

    `besides` are those that are about SQLite's file.
    """
    found: dict[str, Any] = {}
    for module in modules:
        names = vars(importlib.import_module(f"unit.{module}"))
        short = module.removeprefix("test_desk_")
        for name, one in names.items():
            if name.startswith("test_") and name not in besides:
                found[f"test_{short}__{name.removeprefix('test_')}"] = one
    return found
