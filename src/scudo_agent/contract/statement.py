"""A statement of account that contains its inputs, so that anyone can recompute it.

It holds the contract, the history, the windows, `at` and the year, the figures that
follow from them, and digests of both. A correction makes a new revision that says
what changed, who did it, when and why (`domain.md` 3); the one before stays.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Any

from scudo_agent.contract.exact import canonical, dumps
from scudo_agent.errors import InputError

FORMAT = 1
INPUTS = ("contract", "history", "windows", "at", "year", "services")
_ABSENT = object()
_PLACES = {"inputs_sha256": "digest of inputs", "sha256": "digest of the statement"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Everything that the figures follow from, as JSON data."""

    contract: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]]
    windows: Sequence[Mapping[str, Any]]
    at: str
    year: int | None
    services: Sequence[str]
    month: str | None = None

    def to_json(self) -> dict[str, Any]:
        """In the order in which a statement shows them; `month` only of a month's."""
        out = {name: getattr(self, name) for name in INPUTS}
        return out if self.month is None else {**out, "month": self.month}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where a statement says one thing and its inputs another."""

    place: str
    stated: Any
    recomputed: Any

    def __str__(self) -> str:
        return (
            f"{self.place}: {_shown(self.stated)}, recomputed {_shown(self.recomputed)}"
        )


def statement(
    inputs: Inputs,
    figures: Sequence[Mapping[str, Any]],
    classes: Mapping[str, Mapping[str, Any]],
    *,
    revision: int = 1,
    corrects: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A sealed statement; `corrects` says what a revision after the first is for."""
    given = inputs.to_json()
    body = {
        "statement": "uptime",
        "format": FORMAT,
        "revision": revision,
        "corrects": corrects,
        "inputs": given,
        "inputs_sha256": {name: digest(one) for name, one in given.items()},
        "figures": figures,
        "classes": classes,
    }
    return {**body, "sha256": digest(body)}


def correction(
    before: Mapping[str, Any],
    figures: Sequence[Mapping[str, Any]],
    *,
    by: str,
    reason: str,
    at: str,
) -> dict[str, Any]:
    """What a new revision says of the one before: who, when, why, what changed."""
    changed = [
        {"figure": one.place, "before": one.stated, "after": one.recomputed}
        for one in differences(before["figures"], figures, "figures")
    ]
    return {
        "sha256": before["sha256"],
        "by": by,
        "at": at,
        "reason": reason,
        "changed": changed,
    }


def altered(
    stated: Mapping[str, Any], recomputed: Mapping[str, Any]
) -> list[Difference]:
    """Where a statement is not what its own inputs make; inputs come first.

    `recomputed` is `statement` of the same inputs, revision and correction.
    """
    order = ("inputs_sha256", "figures", "classes", "sha256")
    places = sorted(
        {*stated, *recomputed}, key=lambda k: order.index(k) if k in order else -1
    )
    found: list[Difference] = []
    for name in places:
        one, other = stated.get(name, _ABSENT), recomputed.get(name, _ABSENT)
        found += differences(one, other, _PLACES.get(name, name))
    return found


def differences(stated: Any, recomputed: Any, place: str) -> Iterator[Difference]:
    """Each value that differs, with its place: `figures[erp].seconds.down`."""
    if isinstance(stated, Mapping) and isinstance(recomputed, Mapping):
        for key in dict.fromkeys((*recomputed, *stated)):
            one, other = stated.get(key, _ABSENT), recomputed.get(key, _ABSENT)
            yield from differences(one, other, f"{place}.{key}")
    elif _list(stated) and _list(recomputed) and len(stated) == len(recomputed):
        for number, (one, other) in enumerate(zip(stated, recomputed, strict=True)):
            yield from differences(one, other, f"{place}[{_name(other, number)}]")
    elif not _same(stated, recomputed):
        yield Difference(place=place, stated=stated, recomputed=recomputed)


def digest(value: Any) -> str:
    """SHA-256 of data: sorted keys, no spaces, decimals with all their digits.

    Raises `InputError` for a text that nobody can write down (half a character).
    """
    try:
        return sha256(canonical(value).encode()).hexdigest()
    except UnicodeEncodeError:
        raise InputError("a statement cannot hold a text that is no UTF-8") from None


def _list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: `1` and `1.0` are one number, `true` is none."""
    numbers = (int, Decimal)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, numbers) and isinstance(other, numbers):
        return one == other
    return type(one) is type(other) and bool(one == other)


def _name(value: Any, number: int) -> str:
    """What an entry of a list is called: its service, else its place."""
    if isinstance(value, Mapping) and isinstance(value.get("service"), str):
        return str(value["service"])
    return str(number)


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return "nothing"
    text = dumps(value, indent=0).replace("\n", " ")
    return text if len(text) <= 80 else f"{text[:77]}…"
