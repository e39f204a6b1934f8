"""Cases of uptime as files, words of the command, and what counts as the same."""

import json
from math import isclose
from pathlib import Path
from typing import Any

STANDARD: dict[str, Any] = {
    "id": "standard",
    "title": "Standard",
    "year_start": "2026-01-01",
    "service_hours": {"weekly": {"mon-fri": ["09:00-18:00"]}},
}
"""A contract of a promise of 99 %, Rome, with all four exclusions."""


def lines(items: list[Any]) -> str:
    """One object a line; a text stands as it is."""
    return "".join(
        (one if isinstance(one, str) else json.dumps(one)) + "\n" for one in items
    )


def write(folder: Path, history: list[Any], windows: list[Any]) -> list[str]:
    """The words of `contract uptime` for these files, without `--at`."""
    files = {
        "contract.yaml": json.dumps(STANDARD),
        "history.jsonl": lines(history),
        "windows.jsonl": lines(windows),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    words = ["contract", "uptime", str(folder / "contract.yaml")]
    words += ["--history", str(folder / "history.jsonl")]
    return [*words, "--windows", str(folder / "windows.jsonl")]


def words(case: dict[str, Any], folder: Path) -> list[str]:
    """The words of `contract uptime --json` for a case."""
    found = write(folder, case["history"], case["windows"])
    (folder / "contract.yaml").write_text(json.dumps(case["contract"]), "utf-8")
    found += ["--at", case["at"], "--json"]
    return [*found, "--year", str(case["year"])] if case["year"] is not None else found


def window(
    name: str,
    kind: str,
    start: str,
    end: str,
    *,
    announced: str,
    **keys: Any,
) -> dict[str, Any]:
    """A window with one announcement."""
    told = {"announced": announced, "start": start, "end": end}
    return {
        "id": name,
        "kind": kind,
        "services": ["*"],
        "announcements": [told],
        "cancelled": None,
        "peak_notice": None,
        **keys,
    }


def same(found: Any, wanted: Any) -> bool:
    """Integers, booleans, texts equal; other numbers to 1e-9 relative."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return found.keys() == wanted.keys() and all(
            same(found[key], wanted[key]) for key in wanted
        )
    if isinstance(wanted, list) and isinstance(found, list):
        pairs = zip(found, wanted, strict=True)
        return len(found) == len(wanted) and all(same(a, b) for a, b in pairs)
    if isinstance(wanted, float) and isinstance(found, int | float):
        return not isinstance(found, bool) and isclose(found, wanted, rel_tol=1e-9)
    return type(found) is type(wanted) and bool(found == wanted)
