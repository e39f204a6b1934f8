"""Marks every test by its folder, so that each belongs to exactly one stage."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from scudo_agent.desk.store import desk_store
from support import quick_schema

# How long an example takes says more of the machine than of the code.
settings.register_profile(
    "scudo", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("scudo")
# What generated input finds is found while working; the same commit has the same
# result wherever it is checked.
settings.register_profile("scudo-ci", derandomize=True, print_blob=True)
if os.environ.get("CI"):
    settings.load_profile("scudo-ci")

# Demos side by side keep their ports while they are down for a moment.
_worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
os.environ["SCUDO_DEMO_PORTS"] = str(1_000 * int(_worker))

FOLDERS = {
    "real": "real",
    "e2e": "real",
    "contract": "real",
    "chaos": "chaos",
    "browser": "browser",
    "mail": "mail",
    "fuzz": "fuzz",
    "rights": "rights",
}

CHAOS_LIMIT_S = 900
"""The longest of them takes three minutes on a quiet machine. For the others
`pyproject.toml` has the limit: whoever hangs is red by its name, with its stack."""


@pytest.fixture(scope="session", autouse=True)
def _quick_schema() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk_store, "migrate", quick_schema.migrate)
        yield


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """A test in tests/real needs no mark of its own, and so on."""
    root = config.rootpath / "tests"
    for item in items:
        folder = item.path.relative_to(root).parts[0]
        if mark := FOLDERS.get(folder):
            item.add_marker(getattr(pytest.mark, mark))
        if item.get_closest_marker("chaos"):
            item.add_marker(pytest.mark.timeout(CHAOS_LIMIT_S))
