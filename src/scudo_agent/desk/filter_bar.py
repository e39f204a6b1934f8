"""The bar above the list of tickets: search, filters, saved views, what holds now."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from scudo_agent.desk.filters import AGES, ANY, FIELDS, ME, NOBODY, OPEN, ORIGINS, Asked
from scudo_agent.desk.lifecycle import Status
from scudo_agent.desk.notice import severity_label
from scudo_agent.desk.notice_words import SEVERITY
from scudo_agent.desk.rights import Right
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.filter_choices import choices
from scudo_agent.desk.store.scope import Person
from scudo_agent.desk.store.views import QueuePage
from scudo_agent.instant import DAY, HOUR
from scudo_agent.locale import Translator
from scudo_agent.text import T, Text

STATUS_WORDS = {
    Status.NEW.value: T("new"),
    Status.TRIAGED.value: T("triaged"),
    Status.DIAGNOSING.value: T("being diagnosed"),
    Status.IN_PROGRESS.value: T("in progress"),
    Status.WAITING_CUSTOMER.value: T("waiting for the customer"),
    Status.RESOLVED.value: T("resolved"),
    Status.CLOSED.value: T("closed"),
    Status.REOPENED.value: T("re-opened"),
}

_URGENCIES = ("1", "2", "3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One entry of a menu."""

    value: str
    word: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """A filter with what can be chosen; the first entry narrows nothing."""

    name: str
    label: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A filter that holds, in words, and the address without it."""

    words: str
    without: str


def bar(
    store: DeskStore,
    speaks: Translator,
    person: Person,
    asked: Asked,
    page: QueuePage,
) -> dict[str, Any]:
    """Contents of `filters.html`."""
    maker = _Bar(store, speaks, person, asked)
    following = None
    if page.following is not None:
        following = f"/?{urlencode({**asked.values, 'after': page.following})}"
    return {
        "text": asked.values.get("q", ""),
        "menus": maker.menus(),
        "flags": maker.flags(),
        "held": maker.held(),
        "narrowed": bool(asked.values),
        "query": asked.query,
        "views": store.saved_views.of(person),
        "keeps": person.person_id is not None,
        "faults": [speaks.render(one) for one in asked.faults],
        "following": following,
        "going_on": asked.after is not None,
    }


def tidy(query: str) -> str:
    """The address of a view as it is kept: known filters that say something."""
    pairs = [
        (name, value)
        for name, value in parse_qsl(query, max_num_fields=40)
        if name in FIELDS and value.strip()
    ]
    return urlencode(pairs, safe=",:@")


class _Bar:
    """Puts filters into the reader's words."""

    def __init__(
        self, store: DeskStore, speaks: Translator, person: Person, asked: Asked
    ) -> None:
        self._speaks = speaks
        self._staff = person.may(Right.INTERNAL)
        self._values = asked.values
        self._choices = choices(
            store.database, person.scope, customer=asked.values.get("customer")
        )

    def menus(self) -> list[Menu]:
        """The menus that this reader has, those with nothing to choose left out."""
        found = self._choices
        menus = [
            self._menu("status", T("Status"), self._statuses()),
            self._menu("severity", T("Severity"), self._codes()),
            self._menu("site", T("Site"), found.sites),
            self._menu("age", T("Older than"), self._ages()),
            self._menu("origin", T("Origin"), _plain(ORIGINS)),
        ]
        if self._staff:
            some = ((ME, self._say(T("me"))), (NOBODY, self._say(T("nobody"))))
            menus[:0] = [self._menu("customer", T("Customer"), found.customers)]
            menus += [
                self._menu("urgency", T("Urgency"), _plain(_URGENCIES)),
                self._menu("assignee", T("Assigned to"), (*some, *found.assignees)),
            ]
        return [menu for menu in menus if len(menu.choices) > 1]

    def flags(self) -> list[Choice]:
        """What is either asked for or not."""
        if not self._staff:
            return []
        flags = (("overdue", T("overdue")), ("unstable", T("unstable")))
        return [
            Choice(value=name, word=self._say(word), chosen=name in self._values)
            for name, word in flags
        ]

    def held(self) -> list[Held]:
        """What narrows the list now, each with the address without it."""
        labels = {menu.name: menu for menu in self.menus()}
        held = []
        for name, value in self._values.items():
            rest = {k: v for k, v in self._values.items() if k != name}
            held.append(
                Held(
                    words=self._words(name, value, labels.get(name)),
                    # With nothing left a preferred view would come back.
                    without=urlencode(rest or {"status": ANY}, safe=",:@"),
                )
            )
        return held

    def _words(self, name: str, value: str, menu: Menu | None) -> str:
        if name == "q":
            return f"“{value}”"
        if menu is not None:
            known = {one.value: one.word for one in menu.choices}
            words = ", ".join(known.get(one, one) for one in value.split(","))
            return f"{menu.label}: {words}"
        flags = {one.value: one.word for one in self.flags()}
        if name in flags:
            return flags[name]
        label = self._say(T("Category")) if name == "category" else name
        return f"{label}: {value}"

    def _menu(self, name: str, label: Text, known: Iterable[tuple[str, str]]) -> Menu:
        value = self._values.get(name, "")
        pairs = [("", self._say(T("any"))), *known]
        if value and value not in {one for one, _ in pairs}:
            # Several values, or one that is no longer offered: it still holds.
            pairs.append((value, value.replace(",", ", ")))
        return Menu(
            name=name,
            label=self._say(label),
            choices=tuple(
                Choice(value=one, word=word, chosen=one == value) for one, word in pairs
            ),
        )

    def _statuses(self) -> list[tuple[str, str]]:
        words = [(one, self._say(word)) for one, word in STATUS_WORDS.items()]
        return [(OPEN, self._say(T("not closed"))), *words]

    def _codes(self) -> list[tuple[str, str]]:
        return [(str(one), severity_label(one, self._speaks)) for one in SEVERITY]

    def _ages(self) -> list[tuple[str, str]]:
        units = {"h": HOUR, "d": DAY}
        return [(one, self._speaks.duration(_us(one, units))) for one in AGES]

    def _say(self, text: Text) -> str:
        return self._speaks.render(text)


def _us(age: str, units: dict[str, int]) -> int:
    return int(age[:-1]) * units[age[-1]]


def _plain(values: Iterable[str]) -> list[tuple[str, str]]:
    return [(one, one) for one in values]
