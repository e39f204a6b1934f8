"""What is left alone, as lines: mutes, pauses, windows that are open or planned."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from babel.dates import format_date

from scudo_agent.contract.model import WindowKind
from scudo_agent.instant import DAY, SECOND, Instant, parse_instant
from scudo_agent.locale import translator
from scudo_agent.locale.formats import babel_locale, clean, local
from scudo_agent.statement.words import KIND_WORDS
from scudo_agent.text import TN, T, Text, Value

_PLANNED_SHOWN = 1
"""The next window; of further ones how many there are."""


class LeftAlone:
    """Puts what a status document says of it into one language and time zone."""

    def __init__(self, zone: str, language: str = "en") -> None:
        self._zone, self._language = zone, language
        self._translator = translator(language)

    def lines(self, document: Mapping[str, Any], now: Instant) -> Iterator[str]:
        """Until when, of what, by whom and why; then what is planned next."""
        for one in document.get("mutes", ()):
            yield self._say(
                T(
                    "{name} is muted {until}, by {who}: {reason}",
                    **self._order(one, now),
                )
            )
        for one in document.get("pauses", ()):
            yield self._say(
                T("{name} is paused {until}, by {who}: {reason}",
                  **self._order(one, now))
            )  # fmt: skip
        for one in document.get("windows", ()):
            head = T(
                "{kind} window {window} {until}, {services}",
                until=self._until(one["until"], now),
                **self._facts(one),
            )
            yield self._window(head, one, _taken(one))
        planned = document.get("planned", ())
        for one in planned[:_PLANNED_SHOWN]:
            head = T(
                "{kind} window {window} is planned, {span}, {services}",
                span=self._span(one["start"], one["end"]),
                **self._facts(one),
            )
            yield self._window(head, one, _to_be_taken(one))
        more = len(planned) - _PLANNED_SHOWN
        if more > 0:
            yield self._say(
                TN("one more window is planned", "{n} more windows are planned", n=more)
            )

    def _order(self, one: Mapping[str, Any], now: Instant) -> dict[str, Value]:
        return {
            "name": one["name"],
            "until": self._until(one["until"], now),
            "who": one["actor"],
            "reason": one["reason"],
        }

    def _window(self, head: Text, one: Mapping[str, Any], effect: Text | None) -> str:
        line = self._say(head)
        if one["reason"]:
            line += f": {clean(one['reason'])}"
        return line if effect is None else f"{line}; {self._say(effect)}"

    def _facts(self, one: Mapping[str, Any]) -> dict[str, Value]:
        return {
            "kind": self._say(KIND_WORDS[WindowKind(one["kind"])]),
            "window": one["window"],
            "services": self._services(one["services"]),
        }

    def _services(self, names: Sequence[str]) -> str:
        everything = self._say(T("everything"))
        return ", ".join(everything if name == "*" else name for name in names)

    def _until(self, until: str, now: Instant) -> Value:
        """`until 17:04`, with the day when it is more than a day ahead."""
        at = parse_instant(until)
        time = f"{local(at, self._zone):%H:%M}"
        said = T("until {time}", time=time)
        if at - now >= DAY:
            said = T("until {day} {time}", day=self._date(at), time=time)
        return {"text": said.to_json()}

    def _span(self, start: str, end: str) -> str:
        """`05 Mar 22:00 – 06 Mar 02:00`, the second day only if it is another."""
        begun, ended = parse_instant(start), parse_instant(end)
        until = f"{local(ended, self._zone):%H:%M}"
        if self._date(begun) != self._date(ended):
            until = f"{self._date(ended)} {until}"
        return f"{self._date(begun)} {local(begun, self._zone):%H:%M} – {until}"

    def _date(self, at: Instant) -> str:
        """`05 Mar`."""
        there = local(at, self._zone)
        return str(format_date(there, "dd MMM", locale=babel_locale(self._language)))

    def _say(self, text: Text) -> str:
        return " ".join(self._translator.render(text, zone=self._zone).split())


def _taken(one: Mapping[str, Any]) -> Text | None:
    """What the contract excludes of a window that is open; None: nobody can say."""
    excluded = one.get("excluded")
    if excluded is None:
        return None
    if not excluded:
        return T("nothing of it is excluded")
    return T("{length} of it is excluded", length=_length(excluded))


def _to_be_taken(one: Mapping[str, Any]) -> Text | None:
    excluded = one.get("excluded")
    if excluded is None:
        return None
    if not excluded:
        return T("nothing of it will be excluded")
    return T("{length} of it will be excluded", length=_length(excluded))


def _length(seconds: float) -> Value:
    return {"duration": int(seconds * SECOND)}
