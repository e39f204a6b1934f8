"""What somebody wants to see of the queue: all of it in the address, to be shared.

`read` makes of an address what the store looks for; what it does not know is left
out, and said. Nothing here reads a clock or the store.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlencode

from scudo_agent.desk.lifecycle import Status
from scudo_agent.desk.rights import Right
from scudo_agent.desk.search_words import QUERY_SIGNS
from scudo_agent.desk.store.queue import Wish
from scudo_agent.desk.store.scope import Person
from scudo_agent.instant import DAY, HOUR, Instant
from scudo_agent.locale.formats import clean
from scudo_agent.text import T, Text

ORIGINS = (
    "Telefono",
    "Mail",
    "AltecMonitor",
    "Portale",
    "WhatsApp",
    "Software",
    "Altro",
)
"""How a ticket came in (`domain.md` 5)."""

AGES = ("4h", "1d", "3d", "7d", "30d")
"""Ages that are offered; an address may name any number of hours or days."""

OPEN, ANY = "open", "any"
"""Of `status`: all that is not closed; really all, whatever view one prefers."""

ME, NOBODY = "me", "nobody"
"""Of `assignee`."""

_OPEN = tuple(one.value for one in Status if one is not Status.CLOSED)
_AGE = re.compile(r"([1-9][0-9]{0,3})([hd])")
_NAME = re.compile(r"[^\s/]{1,100}")
_STAFF = frozenset(
    {"customer", "urgency", "category", "assignee", "unstable", "overdue"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an address asks for.

    `values` are the filters that hold, as they stand in the address, and `query` is
    the address of just these. `faults` say what was left out. `untidy`: the address
    has fields that say nothing, as a browser sends them.
    """

    wish: Wish
    values: Mapping[str, str]
    query: str
    after: str | None = None
    faults: tuple[Text, ...] = ()
    untidy: bool = False


def read(pairs: Iterable[tuple[str, str]], person: Person, now: Instant) -> Asked:
    """What the fields of an address ask for, as far as this person may filter."""
    given: dict[str, list[str]] = {}
    untidy = False
    for name, value in pairs:
        text = clean(value[:QUERY_SIGNS]).strip()
        untidy |= name in _READERS and not text
        if text:
            given.setdefault(name, []).append(text)
    staff = person.may(Right.INTERNAL)
    values: dict[str, str] = {}
    wishes: dict[str, object] = {}
    faults: list[Text] = []
    for name, reader in _READERS.items():
        if name not in given or (name in _STAFF and not staff):
            continue
        text = ",".join(given[name]) if name in _SEVERAL else given[name][-1]
        try:
            found = reader(text, person, now)
        except ValueError:
            faults.append(_unknown(name, text))
            continue
        wishes |= found
        if text != ANY or name != "status":
            values[name] = text
    return Asked(
        wish=Wish(**wishes),  # type: ignore[arg-type]
        values=MappingProxyType(values),
        query=urlencode(values, safe=",:@"),
        after=given.get("after", [None])[-1],
        faults=tuple(faults),
        untidy=untidy,
    )


def _unknown(name: str, value: str) -> Text:
    return T(
        "The filter “{name}” does not know “{value}”: it was left out.",
        name=name,
        value=value,
    )


_Reads = Callable[[str, Person, Instant], dict[str, object]]


def _text(text: str, _: Person, __: Instant) -> dict[str, object]:
    return {"text": text}


def _name(field: str) -> _Reads:
    def read_name(text: str, _: Person, __: Instant) -> dict[str, object]:
        if not _NAME.fullmatch(text):
            raise ValueError(text)
        return {field: text}

    return read_name


def _phrase(text: str, _: Person, __: Instant) -> dict[str, object]:
    return {"category": text}


def _statuses(text: str, _: Person, __: Instant) -> dict[str, object]:
    if text == ANY:
        return {}
    found: list[str] = []
    for one in text.split(","):
        found += _OPEN if one == OPEN else (Status(one).value,)
    return {"statuses": tuple(dict.fromkeys(found))}


def _codes(field: str) -> _Reads:
    def read_codes(text: str, _: Person, __: Instant) -> dict[str, object]:
        codes = text.split(",")
        if not set(codes) <= {"1", "2", "3"}:
            raise ValueError(text)
        return {field: tuple(sorted({int(one) for one in codes}))}

    return read_codes


def _origin(text: str, _: Person, __: Instant) -> dict[str, object]:
    return {"origin": {one.casefold(): one for one in ORIGINS}[text.casefold()]}


def _assignee(text: str, person: Person, _: Instant) -> dict[str, object]:
    if text == NOBODY:
        return {"assignee": 0}
    if text == ME:
        # Who came by a login link is nobody whom a ticket could be assigned to.
        return {"assignee": -1 if person.person_id is None else person.person_id}
    if not re.fullmatch(r"[1-9][0-9]{0,9}", text):
        raise ValueError(text)
    return {"assignee": int(text)}


def _flag(text: str, field: str, value: object) -> dict[str, object]:
    if text != "1":
        raise ValueError(text)
    return {field: value}


def _unstable(text: str, _: Person, __: Instant) -> dict[str, object]:
    return _flag(text, "unstable", True)


def _overdue(text: str, _: Person, now: Instant) -> dict[str, object]:
    return _flag(text, "due_before", now)


def _age(text: str, _: Person, now: Instant) -> dict[str, object]:
    match = _AGE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    unit = DAY if match[2] == "d" else HOUR
    return {"received_before": Instant(now - int(match[1]) * unit)}


def _known(reader: _Reads) -> _Reads:
    def read_known(text: str, person: Person, now: Instant) -> dict[str, object]:
        try:
            return reader(text, person, now)
        except KeyError:
            raise ValueError(text) from None

    return read_known


_SEVERAL = frozenset({"status", "severity", "urgency"})
_READERS: Mapping[str, _Reads] = {
    "q": _text,
    "customer": _name("customer"),
    "site": _name("site"),
    "status": _statuses,
    "severity": _codes("severities"),
    "urgency": _codes("urgencies"),
    "origin": _known(_origin),
    "category": _phrase,
    "assignee": _assignee,
    "unstable": _unstable,
    "overdue": _overdue,
    "age": _age,
}
FIELDS = tuple(_READERS)
"""The names of all filters, as they stand in an address."""
