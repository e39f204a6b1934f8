"""YAML 1.2 files with positions: plain data, and where each piece of it stands.

Only the core schema of YAML 1.2 is read: `22:00`, `on` and `no` are texts, `0777`
is a number. Keys are always texts. Duplicate keys, tabs, foreign tags and
aliases that grow without measure are faults. Nothing but `ConfigError` leaves
this module, whatever the bytes are.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from scudo_agent.config.document import Document, Place
from scudo_agent.config.yaml_scalars import Unreadable, explicit, plain, shown_tag
from scudo_agent.errors import ConfigError, Fault

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 64
MAX_COPIES = 100_000
"""How many values aliases may add to a file before it is taken for an attack."""

_UNPRINTABLE = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_WORDS = {
    "mapping values are not allowed in this context": (
        "':' makes no key here; a text that holds ': ' needs quotes, "
        "and a mapping lines of its own"
    ),
    "did not find expected key": "no key where one is due; is the indentation right?",
    "found incompatible YAML document": "only YAML 1.2 is read",
    "found character that cannot start any token": (
        "a text cannot begin with this character; put it into quotes"
    ),
}


def read(path: Path) -> Document:
    """Read a file; one that cannot be read or is no YAML raises `ConfigError`."""
    name = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else str(exc)
        raise _whole(name, f"cannot be read: {why}") from None
    if len(raw) > MAX_BYTES:
        raise _whole(name, f"is larger than {MAX_BYTES // 2**20} MiB")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        before = raw[: exc.start].decode("utf-8-sig", errors="replace")
        raise _at(name, before, len(before), "is not UTF-8 text from here on") from None
    return parse(text, name)


def parse(text: str, name: str) -> Document:
    """Read YAML text; `name` is what its faults call the file."""
    if found := _UNPRINTABLE.search(text):
        what = f"the character U+{ord(found[0]):04X} does not belong into a text file"
        raise _at(name, text, found.start(), what)
    composer = _Composer(name, text)
    try:
        data, root = composer.compose()
    except yaml.MarkedYAMLError as exc:
        raise _syntax(name, text, exc) from None
    return Document(name, data, root, composer.faults)


class _Frame:
    """One mapping or list that is being read; keys wait for their values."""

    __slots__ = ("anchor", "data", "key", "key_at", "place")

    def __init__(self, event: yaml.Event, data: Any) -> None:
        self.data: Any = data
        self.place = Place(event.start_mark)
        self.anchor: str | None = getattr(event, "anchor", None)
        self.key: str | None = None
        self.key_at: tuple[int, int] = (0, 0)


class _Composer:
    """Makes data and places of libyaml's events, without recursion.

    libyaml hands out its events as it reads, so that a limit of depth holds
    before a hostile file has been read to its end.
    """

    def __init__(self, name: str, text: str) -> None:
        self.faults: list[Fault] = []
        self._name = name
        self._text = text
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, Place]] = {}
        self._copies = 0
        self._result: tuple[Any, Place] | None = None
        self._free_text: list[tuple[int, int]] = []

    def compose(self) -> tuple[Any, Place]:
        """The whole file: its data and its places."""
        act: dict[type[yaml.Event], Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: lambda event: self._open(event, {}),
            yaml.SequenceStartEvent: lambda event: self._open(event, []),
            yaml.MappingEndEvent: self._close,
            yaml.SequenceEndEvent: self._close,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
        }
        for event in yaml.parse(self._text, Loader=yaml.CSafeLoader):
            handle = act.get(type(event))
            if handle is not None:
                handle(event)
        self._tabs()
        if self._result is None:
            raise _whole(self._name, "is empty")
        return self._result

    def _document(self, event: yaml.DocumentStartEvent) -> None:
        if self._result is not None:
            raise self._fatal(event, "a second document begins; a file has one")
        if event.version is not None and tuple(event.version) != (1, 2):
            raise self._fatal(event, "only YAML 1.2 is read")

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        start: Any = event.start_mark
        if event.style:
            end: Any = event.end_mark
            self._free_text.append((start.index, end.index))
            if event.style == '"' and _CONTROL.search(event.value):
                self._note(event, "a control character stands in this text")
                event.value = _CONTROL.sub(" ", event.value)
        text = event.value
        value: Any = text
        if not self._expects_key():
            try:
                if event.tag is not None:
                    value = explicit(event.tag, text)
                elif event.implicit[0]:
                    value = plain(text)
            except Unreadable as exc:
                self._note(event, str(exc))
        self._put(event.anchor, value, Place(start, text))

    def _open(self, event: yaml.CollectionStartEvent, data: Any) -> None:
        if self._expects_key():
            raise self._fatal(event, "a key is one word or text, no list or mapping")
        if len(self._stack) >= MAX_DEPTH:
            raise self._fatal(event, f"more than {MAX_DEPTH} levels deep")
        if event.tag is not None:
            tag = shown_tag(event.tag)
            self._note(event, f"the tag '{tag}' means nothing here; leave it out")
        self._stack.append(_Frame(event, data))

    def _close(self, _event: yaml.Event) -> None:
        frame = self._stack.pop()
        self._put(frame.anchor, frame.data, frame.place)

    def _alias(self, event: yaml.AliasEvent) -> None:
        if self._expects_key():
            raise self._fatal(event, "an alias cannot be a key")
        if any(frame.anchor == event.anchor for frame in self._stack):
            raise self._fatal(event, f"'*{event.anchor}' stands inside itself")
        if event.anchor not in self._anchors:
            raise self._fatal(event, f"'*{event.anchor}' names nothing; no '&' made it")
        data, place = self._anchors[event.anchor]
        self._copies += place.copies
        if self._copies > MAX_COPIES or len(self._stack) + place.depth > MAX_DEPTH:
            raise self._fatal(event, "aliases make this file grow without measure")
        self._put(None, data, place)

    def _put(self, anchor: str | None, value: Any, place: Place) -> None:
        if anchor is not None:
            self._anchors[anchor] = (value, place)
        if not self._stack:
            self._result = (value, place)
            return
        frame = self._stack[-1]
        holder = frame.place
        if isinstance(frame.data, list):
            holder.add(len(frame.data), place, (place.line, place.column))
            frame.data.append(value)
        elif frame.key is None:
            self._begin_key(frame, str(value), place)
        else:
            if frame.key not in frame.data:
                holder.add(frame.key, place, frame.key_at)
                frame.data[frame.key] = value
            frame.key = None

    def _begin_key(self, frame: _Frame, key: str, place: Place) -> None:
        if key in frame.data:
            first = frame.place.parts[key][0]
            what = f"'{key}' stands here a second time; the first is in line {first[0]}"
            self._add(place.line, place.column, what)
        # Interned: the same few keys stand in every target.
        frame.key, frame.key_at = sys.intern(key), (place.line, place.column)

    def _expects_key(self) -> bool:
        if not self._stack:
            return False
        frame = self._stack[-1]
        return isinstance(frame.data, dict) and frame.key is None

    def _tabs(self) -> None:
        """Report each line's first tab outside quotes, block texts and comments."""
        if "\t" not in self._text:
            return
        told = 0
        for found in re.finditer("\t", self._text):
            at = found.start()
            if any(start <= at < end for start, end in self._free_text):
                continue
            line, column = _line_column(self._text, at)
            start = at - column + 1
            if line == told or re.search(r"(^|[ \t])#", self._text[start:at]):
                continue
            told = line
            self._add(line, column, "a tab stands here; YAML is indented with spaces")

    def _note(self, event: yaml.Event, what: str) -> None:
        mark: Any = event.start_mark
        self._add(mark.line + 1, mark.column + 1, what)

    def _add(self, line: int, column: int, what: str) -> None:
        self.faults.append(Fault(file=self._name, line=line, column=column, what=what))

    def _fatal(self, event: yaml.Event, what: str) -> ConfigError:
        self._note(event, what)
        return ConfigError(self.faults)


def _syntax(name: str, text: str, exc: yaml.MarkedYAMLError) -> ConfigError:
    mark = exc.problem_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    problem = exc.problem or "cannot be understood"
    lines = text.splitlines()
    here = lines[line - 1][column - 1 :] if 0 < line <= len(lines) else ""
    if here.startswith("\t") or "tab character" in problem:
        what = "a tab stands here; YAML is indented with spaces"
    else:
        context = f"{exc.context}: " if exc.context else ""
        what = _WORDS.get(problem) or f"this is no YAML: {context}{problem}"
    return ConfigError([Fault(file=name, line=line, column=column, what=what)])


def _whole(name: str, what: str) -> ConfigError:
    return ConfigError([Fault(file=name, line=0, column=0, what=what)])


def _at(name: str, text: str, index: int, what: str) -> ConfigError:
    line, column = _line_column(text, index)
    return ConfigError([Fault(file=name, line=line, column=column, what=what)])


def _line_column(text: str, index: int) -> tuple[int, int]:
    before = text[:index]
    return before.count("\n") + 1, index - before.rfind("\n")
