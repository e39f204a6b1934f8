"""`windows.jsonl`: one maintenance window a line, with its announcements.

`domain.md` 9. What only the desk refuses (an announcement after the end) is no
fault here: the account computes such files by the rules and warns.
"""

from collections.abc import Collection, Container, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scudo_agent.config.json_lines import Line, data_lines, read_lines
from scudo_agent.config.suggest import or_choices
from scudo_agent.contract.model import Announcement, Window, WindowKind
from scudo_agent.errors import Fault

_NEEDED = ("id", "kind", "services", "announcements")
_FREE = ("cancelled", "peak_notice", "reason", "series")
"""`reason` and `series` are what the desk knows beside; they change no figure."""

_SPAN = ("announced", "start", "end")
_KINDS = tuple(kind.value for kind in WindowKind)


@dataclass(frozen=True, slots=True)
class WindowFile:
    """Windows in order of their ids, and the data they were read from.

    `strangers` are the places where one names a service that nobody knows.
    """

    windows: tuple[Window, ...]
    body: list[dict[str, Any]]
    strangers: tuple[Fault, ...] = ()

    @property
    def services(self) -> set[str]:
        """The services that the windows name, without `*`."""
        return {name for one in self.windows for name in one.services} - {"*"}


def read_windows(
    path: Path, *, services: Collection[str] | None = None
) -> tuple[WindowFile, list[Fault]]:
    """The windows in a file and all that is wrong with it.

    With the `services` that there are, each other one that is named is a stranger.
    """
    lines, faults = read_lines(path)
    strangers: list[Fault] = []
    if services is not None:
        for line, data in lines:
            _known(replace(line, faults=strangers), data, services)
    found, faults = _windows(lines, faults)
    return replace(found, strangers=tuple(strangers)), faults


def _known(line: Line, data: dict[str, Any], services: Collection[str]) -> None:
    named = data.get("services")
    for name in named if isinstance(named, list) else ():
        if isinstance(name, str) and name and name not in services and name != "*":
            near = or_choices(name, sorted(services), there="it is about")
            line.fault(
                "services",
                f"the history has no line about '{name}': all of its time is "
                f"unknown{near}",
            )


def windows_of_data(items: Any, *, name: str) -> tuple[WindowFile, list[Fault]]:
    """The windows in a statement's inputs and all that is wrong with them."""
    return _windows(*data_lines(items, name=name, what="windows"))


def _windows(
    lines: Iterable[tuple[Line, dict[str, Any]]], faults: list[Fault]
) -> tuple[WindowFile, list[Fault]]:
    found: dict[str, tuple[Window, dict[str, Any]]] = {}
    first: dict[str, Line] = {}
    for line, data in lines:
        window = _window(line, data)
        name = data.get("id")
        if isinstance(name, str):
            before = first.setdefault(name, line)
            if before is not line:
                place = f"line {before.number}" if before.number else before.where
                line.fault(
                    "id",
                    f"{place} has a window '{name}' too; a window is one line, "
                    "with all its announcements",
                )
            elif window is not None:
                found[name] = window, data
        faults += line.faults
    ordered = [found[name] for name in sorted(found)]
    return WindowFile(tuple(w for w, _ in ordered), [d for _, d in ordered]), faults


def _window(line: Line, data: dict[str, Any]) -> Window | None:
    line.keys(data, needed=_NEEDED, free=_FREE)
    name, kind = line.text_at(data, "id"), data.get("kind")
    if "kind" in data and kind not in _KINDS:
        near = or_choices(str(kind), _KINDS, there="there are")
        line.fault("kind", f"'{kind}' is no kind of window{near}")
    services = _services(line, data)
    announcements = _announcements(line, data)
    later = {
        key: line.instant(data, key)
        for key in ("cancelled", "peak_notice")
        if data.get(key) is not None
    }
    for key in ("reason", "series"):
        if data.get(key) is not None and not isinstance(data[key], str):
            line.fault(key, f"'{key}' needs a text")
    if line.faults or name is None:
        return None
    return Window(
        id=name,
        kind=WindowKind(str(kind)),
        services=services,
        announcements=announcements,
        cancelled=later.get("cancelled"),
        peak_notice=later.get("peak_notice"),
    )


def _services(line: Line, data: dict[str, Any]) -> tuple[str, ...]:
    found = data.get("services")
    texts = isinstance(found, list) and all(isinstance(s, str) and s for s in found)
    if "services" in data and (not texts or not found):
        line.fault(
            "services", "'services' needs a list of services, or [\"*\"] for all"
        )
        return ()
    return tuple(found or ())


def _announcements(line: Line, data: dict[str, Any]) -> tuple[Announcement, ...]:
    found = data.get("announcements")
    if "announcements" not in data:
        return ()
    if not isinstance(found, list) or not found:
        line.fault(
            "announcements",
            "'announcements' needs a list with at least one "
            '{"announced": …, "start": …, "end": …}',
        )
        return ()
    return tuple(
        one
        for nth, item in enumerate(found)
        if (one := _announcement(line, item, nth)) is not None
    )


def _announcement(line: Line, item: Any, nth: int) -> Announcement | None:
    if not isinstance(item, dict):
        line.fault("announcements", f"announcement {nth + 1} needs keys with values")
        return None
    line.keys(item, needed=_SPAN, nth=nth)
    told, start, end = (line.instant(item, key, nth=nth) for key in _SPAN)
    if told is None or start is None or end is None:
        return None
    return Announcement(announced=told, start=start, end=end)


def about(body: Iterable[dict[str, Any]], services: Container[str]) -> Iterator[Any]:
    """The data of windows as far as it is about these services, `*` among them.

    What a history of some services is read with: figures of these do not change.
    """
    for one in body:
        named = [name for name in one["services"] if name == "*" or name in services]
        if named:
            yield one | {"services": named}
