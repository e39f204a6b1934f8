"""Files of one JSON object a line: their data, and faults with line and column."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scudo_agent.config.suggest import or_choices
from scudo_agent.contract.exact import canonical, loads
from scudo_agent.errors import Fault, InputError
from scudo_agent.instant import Instant, parse_instant, to_datetime

MAX_BYTES = 256 * 1024 * 1024
_SHOWN = 100
_YEARS = range(2, 9998)
"""Time zones and contract years need a neighbouring year on either side."""


@dataclass(slots=True)
class Line:
    """One object of a file, and the faults found in it.

    `number` 0 stands for data that is no file; then `where` says what is meant.
    """

    file: str
    number: int
    text: str = ""
    where: str = ""
    faults: list[Fault] = field(default_factory=list)

    def fault(self, key: str, what: str, *, nth: int = 0) -> None:
        """Note a fault at the `nth` key of that name; at the object without one."""
        if not self.number:
            said = f"{self.where}: {what}" if self.where else what
            self.faults.append(Fault(file=self.file, line=0, column=0, what=said))
            return
        at = -1
        for _ in range(nth + 1):
            at = self.text.find(json.dumps(key), at + 1)
        column = at + 1 if key and at >= 0 else 1
        self.faults.append(
            Fault(file=self.file, line=self.number, column=column, what=what)
        )

    def keys(
        self,
        data: Mapping[str, Any],
        *,
        needed: Sequence[str],
        free: Sequence[str] = (),
        nth: int = 0,
    ) -> bool:
        """Whether the needed keys are there, and none that nobody knows."""
        sound = True
        for key in data:
            if key not in needed and key not in free:
                near = or_choices(key, (*needed, *free), there="there are")
                self.fault(key, f"nobody knows the key '{key}'{near}", nth=nth)
                sound = False
        for key in needed:
            if key not in data:
                self.fault("", f"'{key}' is missing")
                sound = False
        return sound

    def text_at(self, data: Mapping[str, Any], key: str) -> str | None:
        """A text that is not empty."""
        value = data.get(key)
        if isinstance(value, str) and value.strip():
            return value
        if key in data:
            self.fault(key, f"'{key}' needs a text, in quotes, that is not empty")
        return None

    def instant(
        self, data: Mapping[str, Any], key: str, *, nth: int = 0
    ) -> Instant | None:
        """An instant with its offset."""
        value = data.get(key)
        if isinstance(value, str):
            try:
                return checked_instant(value)
            except InputError as exc:
                self.fault(key, f"'{key}': {exc}", nth=nth)
        elif key in data:
            self.fault(
                key,
                f"'{key}' needs an instant in quotes, such as "
                '"2026-03-01T11:00:00+01:00"',
                nth=nth,
            )
        return None


def checked_instant(text: str) -> Instant:
    """An instant that the calendar can be asked about; else `InputError`."""
    at = parse_instant(text)
    if to_datetime(at).year not in _YEARS:
        raise InputError(f"'{text}' lies outside the years 2 to 9997")
    return at


def read_lines(path: Path) -> tuple[list[tuple[Line, dict[str, Any]]], list[Fault]]:
    """The objects of a file; lines that hold none are faults, empty ones nothing."""
    name = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else str(exc)
        return [], [_whole(name, f"cannot be read: {why}")]
    if len(raw) > MAX_BYTES:
        return [], [_whole(name, f"is larger than {MAX_BYTES // 2**20} MiB")]
    found: list[tuple[Line, dict[str, Any]]] = []
    faults: list[Fault] = []
    for line in _lines(name, raw.removeprefix(b"\xef\xbb\xbf")):
        data = _object(line)
        faults += line.faults
        if data is not None:
            found.append((line, data))
    return found, faults


def data_lines(
    items: Any, *, name: str, what: str
) -> tuple[list[tuple[Line, dict[str, Any]]], list[Fault]]:
    """The same of data that is no file: the inputs of a statement."""
    if not isinstance(items, list):
        return [], [_whole(name, f"'{what}' needs a list")]
    found: list[tuple[Line, dict[str, Any]]] = []
    faults: list[Fault] = []
    for place, one in enumerate(items):
        line = Line(name, 0, where=f"{what}[{place}]")
        if isinstance(one, dict):
            found.append((line, one))
        else:
            line.fault("", "keys with values are needed")
            faults += line.faults
    return found, faults


def shortened(faults: Iterable[Fault]) -> list[Fault]:
    """The first hundred faults, and how many there are beyond."""
    ordered = sorted(faults)
    if len(ordered) <= _SHOWN:
        return ordered
    last = ordered[_SHOWN - 1]
    more = f"and {len(ordered) - _SHOWN} more faults"
    beyond = Fault(file=last.file, line=last.line, column=last.column + 1, what=more)
    return [*ordered[:_SHOWN], beyond]


def _lines(name: str, raw: bytes) -> Iterator[Line]:
    for number, piece in enumerate(raw.split(b"\n"), start=1):
        line = Line(name, number)
        try:
            line.text = piece.decode("utf-8").rstrip("\r")
        except UnicodeDecodeError:
            line.fault("", "is not UTF-8 text")
        yield line


def _object(line: Line) -> dict[str, Any] | None:
    if line.faults or not line.text.strip():
        return None
    try:
        data = loads(line.text)
    except json.JSONDecodeError as exc:
        what = f"is no JSON: {exc.msg}; one object a line is needed"
        line.faults.append(
            Fault(file=line.file, line=line.number, column=exc.colno, what=what)
        )
        return None
    except (ValueError, RecursionError) as exc:
        line.fault("", f"is no JSON that can be read: {exc}")
        return None
    if not isinstance(data, dict):
        line.fault("", "an object is needed: one {…} a line")
        return None
    if "\\u" in line.text and not _whole_text(data):
        line.fault(
            "", "holds half a character (one \\ud800 to \\udfff without another)"
        )
        return None
    return data


def _whole_text(data: Any) -> bool:
    """Whether its texts can be written down at all."""
    try:
        canonical(data).encode()
    except UnicodeEncodeError:
        return False
    return True


def _whole(name: str, what: str) -> Fault:
    return Fault(file=name, line=0, column=0, what=what)
