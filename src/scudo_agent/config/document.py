"""A file's data with the position of each piece, for faults that point at it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scudo_agent.errors import Fault

Loc = tuple[str | int, ...]
"""The way to a value: keys and list indices from the top."""

Parts = dict[str | int, tuple[tuple[int, int], "Place"]]
"""Where the key (or the value itself, in a list) and the value stand."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NO_PARTS: Parts = {}
"""Of every scalar: most places of a file are one. Never written to."""


class Place:
    """Where a value stands, and its parts by key or index.

    `copies` and `depth` measure the subtree, for what an alias would add.
    """

    __slots__ = ("column", "copies", "depth", "line", "parts", "text")

    def __init__(self, mark: Any, text: str | None = None) -> None:
        self.line: int = mark.line + 1
        self.column: int = mark.column + 1
        self.text = text
        self.parts: Parts = _NO_PARTS
        self.copies = 1
        self.depth = 1

    def add(self, name: str | int, place: "Place", key_at: tuple[int, int]) -> None:
        """Take in a part whose key (or self, in a list) stands at `key_at`."""
        if self.parts is _NO_PARTS:
            self.parts = {}
        self.parts[name] = (key_at, place)
        self.copies += place.copies
        self.depth = max(self.depth, place.depth + 1)


class Document:
    """A file's data and the positions of its pieces.

    `faults` did not keep the data from being read: the caller adds its own and
    raises them all at once.
    """

    def __init__(self, name: str, data: Any, root: Place, faults: list[Fault]) -> None:
        self.name = name
        self.data = data
        self.faults = faults
        self._root = root

    def fault(self, loc: Sequence[str | int], what: str, *, key: bool = False) -> Fault:
        """A fault at the value at `loc`, or at its key.

        Parts of `loc` that the file does not have are passed over: the fault
        then stands at the nearest key that is there.
        """
        place = self._root
        at = key_at = (place.line, place.column)
        for part in loc:
            found = place.parts.get(part)
            if found is None:
                key = True
                continue
            key_at, place = found
            at = (place.line, place.column)
        line, column = key_at if key else at
        # A fault is one line, whatever words of the file it repeats.
        shown = _CONTROL.sub(lambda sign: ascii(sign[0])[1:-1], what)
        return Fault(file=self.name, line=line, column=column, what=shown)

    def has(self, loc: Sequence[str | int]) -> bool:
        """Whether the file says something at `loc`."""
        place = self._root
        for part in loc:
            if part not in place.parts:
                return False
            place = place.parts[part][1]
        return True

    def text(self, loc: Sequence[str | int]) -> str | None:
        """The scalar at `loc` exactly as it is written, without its quotes."""
        place = self._root
        for part in loc:
            if part not in place.parts:
                return None
            place = place.parts[part][1]
        return place.text


@dataclass(frozen=True, slots=True)
class _NoMark:
    """Data that came from no file has no lines: faults then name the whole."""

    line: int = -1
    column: int = -1


def of_data(name: str, data: Mapping[str, Any]) -> Document:
    """A document of data that was read elsewhere (JSON); its faults have no line."""
    return Document(name, dict(data), _place(data), [])


def _place(value: Any) -> Place:
    parts: Mapping[Any, Any] = {}
    if isinstance(value, Mapping):
        parts = value
    elif isinstance(value, list | tuple):
        parts = dict(enumerate(value))
    place = Place(_NoMark(), None if parts else str(value))
    for part, inner in parts.items():
        place.add(part, _place(inner), (0, 0))
    return place
