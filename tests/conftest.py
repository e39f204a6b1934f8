"""Marks every test by its folder, so that each belongs to exactly one stage."""

import pytest

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


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """A test in tests/real needs no mark of its own, and so on."""
    root = config.rootpath / "tests"
    for item in items:
        folder = item.path.relative_to(root).parts[0]
        if mark := FOLDERS.get(folder):
            item.add_marker(getattr(pytest.mark, mark))
