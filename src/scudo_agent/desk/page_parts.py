"""What the pages are made of: instants, badges, rows, proofs, pictures."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """An instant for people and for machines: `<time datetime title>`."""

    machine: str
    exact: str
    short: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """Shape, word and colour, in this order (`web.md`)."""

    shape: str
    word: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One ticket of the queue."""

    ref: str
    what: str
    customer: str
    site: str
    severity: Badge
    condition: Badge
    since: When
    length: str
    provider_only: bool
    urgency: int | None
    stands: str
    who: str
    due: When | None
    overdue: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One member of the incident: what was asked, what came back."""

    check: str
    endpoint: str
    seen: str
    expected: str
    since: When
    last_good: When | None
    reproduce: str
    state: Badge


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A screenshot: where it is, what it shows, and how large it is."""

    href: str
    source: str
    taken: When
    width: int
    height: int
