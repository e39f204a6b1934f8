"""JSON files with positions, as `config.yaml_source` reads YAML.

Strictly RFC 8259: no `NaN`, no comments, no trailing comma, and no key twice.
Nothing but `ConfigError` leaves this module, whatever the bytes are.
"""

import json
import re
from bisect import bisect_right
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from scudo_agent.config.document import Document, Place
from scudo_agent.errors import ConfigError, Fault

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 64

_SPACE = re.compile(r"[ \t\n\r]*")
_WORDS = {"true": True, "false": False, "null": None}
_WORD = re.compile("|".join(_WORDS))
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_MAX_DIGITS = 400


def read(path: Path) -> Document:
    """Read a file; one that cannot be read or is no JSON raises `ConfigError`."""
    name = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else str(exc)
        raise _fault(name, 0, 0, f"cannot be read: {why}") from None
    if len(raw) > MAX_BYTES:
        raise _fault(name, 0, 0, f"is larger than {MAX_BYTES // 2**20} MiB")
    try:
        return parse(raw.decode("utf-8-sig"), name)
    except UnicodeDecodeError as exc:
        before = raw[: exc.start].decode("utf-8-sig", errors="replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise _fault(name, line, column, "is not UTF-8 text from here on") from None


def parse(text: str, name: str) -> Document:
    """Read JSON text; `name` is what its faults call the file."""
    reader = _Reader(text, name)
    data, root = reader.whole()
    return Document(name, data, root, reader.faults)


class _Mark(NamedTuple):
    line: int
    column: int


class _Reader:
    """Reads values from the place where it stands."""

    def __init__(self, text: str, name: str) -> None:
        self.faults: list[Fault] = []
        self._text = text
        self._name = name
        self._at = 0
        self._lines = [0, *(found.end() for found in re.finditer("\n", text))]

    def whole(self) -> tuple[Any, Place]:
        """The one value of the file."""
        self._space()
        if self._at == len(self._text):
            raise _fault(self._name, 0, 0, "is empty")
        found = self._value(1)
        self._space()
        if self._at < len(self._text):
            self._fail("the value has ended here; nothing may follow it")
        return found

    def _value(self, depth: int) -> tuple[Any, Place]:
        self._space()
        begin = self._at
        sign = self._text[begin : begin + 1]
        if depth > MAX_DEPTH:
            self._fail(f"more than {MAX_DEPTH} levels deep")
        if sign == "{":
            return self._object(depth)
        if sign == "[":
            return self._list(depth)
        if sign == '"':
            text = self._string()
            return text, Place(self._mark(begin), text)
        value = self._scalar()
        return value, Place(self._mark(begin), self._text[begin : self._at])

    def _object(self, depth: int) -> tuple[Any, Place]:
        data: dict[str, Any] = {}
        place = Place(self._mark(self._at))
        while self._more("}", first=not data):
            begin = self._at
            if self._text[begin : begin + 1] != '"':
                self._fail("a key in double quotes is needed here")
            key = self._string()
            mark = self._mark(begin)
            self._space()
            if self._text[self._at : self._at + 1] != ":":
                self._fail(f"':' and a value are needed after the key '{key[:60]}'")
            self._at += 1
            value, inner = self._value(depth + 1)
            if key in data:
                first = place.parts[key][0][0]
                what = f"stands here a second time; the first is in line {first}"
                self._note(mark, f"'{key[:60]}' {what}")
                continue
            data[key] = value
            place.add(key, inner, (mark.line + 1, mark.column + 1))
        return data, place

    def _list(self, depth: int) -> tuple[Any, Place]:
        data: list[Any] = []
        place = Place(self._mark(self._at))
        while self._more("]", first=not data):
            value, inner = self._value(depth + 1)
            place.add(len(data), inner, (inner.line, inner.column))
            data.append(value)
        return data, place

    def _more(self, close: str, *, first: bool) -> bool:
        """Step over what opens or parts; whether another member follows."""
        if first:
            self._at += 1
        self._space()
        sign = self._text[self._at : self._at + 1]
        if sign == close:
            self._at += 1
            return False
        if first:
            return True
        if sign != ",":
            self._fail(f"',' or '{close}' is needed here")
        self._at += 1
        self._space()
        if self._text[self._at : self._at + 1] == close:
            self._fail(f"no ',' stands before '{close}'")
        return True

    def _string(self) -> str:
        try:
            value, self._at = json.decoder.scanstring(self._text, self._at + 1)  # type: ignore[attr-defined]
        except json.JSONDecodeError as exc:
            self._at = exc.pos
            self._fail(f"this text in quotes is no JSON: {exc.msg.lower()}")
        return str(value)

    def _scalar(self) -> Any:
        if found := _WORD.match(self._text, self._at):
            self._at = found.end()
            return _WORDS[found[0]]
        number = _NUMBER.match(self._text, self._at)
        if number is None:
            end = "the file ends" if self._at == len(self._text) else "here"
            self._fail(
                f"{end} where a JSON value is needed: a text in quotes, a number"
            )
        if len(number[0]) > _MAX_DIGITS:
            self._fail(f"a number of more than {_MAX_DIGITS} digits")
        self._at = number.end()
        whole = number[2] is None and number[3] is None
        return int(number[0]) if whole else float(number[0])

    def _space(self) -> None:
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _mark(self, at: int) -> _Mark:
        line = bisect_right(self._lines, at) - 1
        return _Mark(line, at - self._lines[line])

    def _note(self, mark: _Mark, what: str) -> None:
        line, column = mark.line + 1, mark.column + 1
        self.faults.append(Fault(file=self._name, line=line, column=column, what=what))

    def _fail(self, what: str) -> NoReturn:
        self._note(self._mark(self._at), what)
        raise ConfigError(self.faults)


def _fault(name: str, line: int, column: int, what: str) -> ConfigError:
    return ConfigError([Fault(file=name, line=line, column=column, what=what)])
