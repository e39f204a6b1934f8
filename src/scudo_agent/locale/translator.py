"""The reader's language: sentences with their values, dates and numbers."""

import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from babel.lists import format_list

from scudo_agent.locale import formats
from scudo_agent.locale.catalogue import SOURCE, Catalogue, load
from scudo_agent.text import T, Text

PLACE = re.compile(r"\{([a-z_][a-z0-9_]*)(?:~([^{}]*))?\}")
"""A named place. `{name~a=bloccata|=bloccato}`, in translations only, is the word
that agrees with the value's first word, chosen by how that ends."""

_DEEPEST = 5
_LARGEST = 1e18
"""No instant, length or measure is beyond this; NaN is not below it either."""

_log = logging.getLogger(__name__)


class Translator:
    """Renders texts for readers of one language."""

    def __init__(self, catalogue: Catalogue, language: str) -> None:
        self.language = catalogue.language
        self._catalogue = catalogue
        known = catalogue.language != SOURCE or language.startswith(SOURCE)
        self._locale = formats.babel_locale(catalogue.language if known else SOURCE)

    def render(self, text: Text | Mapping[str, Any], *, zone: str = "UTC") -> str:
        """The text as a sentence; `text` may be its JSON form, from anywhere.

        Never raises: a value that is missing stays visible as `{name}` and is
        logged, for a notice must go out whatever is wrong with one word of it.
        """
        return self._render(text, zone, 0)

    def sentence(self, sentence: str, /, *, zone: str = "UTC", **values: Any) -> str:
        """Translate and fill in one sentence (what `t(…)` in templates does)."""
        return self.render(Text(sentence, values), zone=zone)

    def plural(
        self, one: str, many: str, /, *, n: int, zone: str = "UTC", **values: Any
    ) -> str:
        """As `sentence`, with the form for `n` (what `tn(…)` in templates does)."""
        return self.render(Text(one, {"n": n, **values}, many), zone=zone)

    def title(self, titles: Mapping[str, str], fallback: str) -> str:
        """A thing's title in this language, else in English, any, or `fallback`."""
        for language in (self.language, self.language.partition("_")[0], SOURCE):
            if titles.get(language):
                return formats.clean(titles[language])
        return formats.clean(next(filter(None, titles.values()), fallback))

    def instant(self, at: int, zone: str) -> str:
        """`lunedì 23 novembre 2026, 10:41:50 (ora italiana)`."""
        where = formats.local(at, zone)
        name = self._zone(where, zone)
        if formats.doubled(where):
            name = f"{name}, {formats.offset(where)}"
        return f"{formats.day(where, self._locale)}, {self.time(at, zone)} ({name})"

    def day(self, at: int, zone: str) -> str:
        """`lunedì 23 novembre 2026`."""
        return formats.day(formats.local(at, zone), self._locale)

    def time(self, at: int, zone: str) -> str:
        """`10:41:50`."""
        return formats.time_of_day(formats.local(at, zone), self._locale)

    def duration(self, length_us: int) -> str:
        """`1 min 31 s`."""
        return formats.duration(length_us, self._locale)

    def number(self, value: float) -> str:
        """A whole number as it is, a decimal one with three digits."""
        if isinstance(value, int):
            return formats.integer(value, self._locale)
        return formats.decimal(value, self._locale)

    def euro(self, amount: float) -> str:
        """`75.00 €`."""
        return formats.euro(amount, self._locale)

    def listing(self, items: Sequence[str]) -> str:
        """`a, b e c`."""
        return str(format_list(list(items), locale=self._locale))

    def functions(self, zone: str) -> dict[str, Callable[..., str]]:
        """What a template needs, for a reader in `zone`: `t`, `tn` and the rest.

        `env.get_template(…).render(**translator.functions(zone), …)`
        """

        def t(sentence: str, /, **values: Any) -> str:
            return self.sentence(sentence, zone=zone, **values)

        def tn(one: str, many: str, /, *, n: int, **values: Any) -> str:
            return self.plural(one, many, n=n, zone=zone, **values)

        return {
            "t": t,
            "tn": tn,
            "text": lambda text: self.render(text, zone=zone),
            "instant": lambda at: self.instant(at, zone),
            "day": lambda at: self.day(at, zone),
            "time": lambda at: self.time(at, zone),
            "duration": self.duration,
            "title": self.title,
        }

    def _zone(self, where: Any, zone: str) -> str:
        if zone == "Europe/Rome":
            home = self._catalogue.find(T("Italian time").id)
            if home or self.language == SOURCE:
                return home or T("Italian time").id
        return formats.zone_name(where, zone, self._locale)

    def _render(self, text: Text | Mapping[str, Any], zone: str, depth: int) -> str:
        read = text if isinstance(text, Text) else _read(text)
        sentence = self._form(read)

        def fill(place: re.Match[str]) -> str:
            name, agreement = place.groups()
            if name not in read.values:
                _log.warning("sentence %r has no value for {%s}", read.id, name)
                return "{" + name + "}"
            value = self._value(read.values[name], zone, depth)
            return value if agreement is None else _agree(value, agreement)

        return PLACE.sub(fill, sentence)

    def _form(self, text: Text) -> str:
        if text.plural is None:
            return self._catalogue.find(text.id) or formats.clean(text.id)
        n = text.values.get("n")
        number = n if isinstance(n, int) and n >= 0 else 0
        found = self._catalogue.find_plural(text.id, number)
        return found or formats.clean(text.id if number == 1 else text.plural)

    def _value(self, value: Any, zone: str, depth: int) -> str:
        if isinstance(value, bool) or value is None:
            return formats.clean(str(value))
        if isinstance(value, int | float):
            return self.number(value)
        if isinstance(value, Mapping):
            return self._special(value, zone, depth)
        return formats.clean(str(value))

    def _special(self, value: Mapping[str, Any], zone: str, depth: int) -> str:
        kind, inner = next(iter(value.items()), ("", None))
        if kind == "text" and isinstance(inner, Mapping | Text) and depth < _DEEPEST:
            return self._render(inner, zone, depth + 1)
        if kind in _JOINED and isinstance(inner, list) and depth < _DEEPEST:
            items = [self._render(each, zone, depth + 1) for each in inner]
            return str(format_list(items, _JOINED[kind], self._locale))
        if kind == "title" and isinstance(inner, Mapping):
            return self.title(inner, "")
        if isinstance(inner, str) and kind in _WRITTEN:
            return _WRITTEN[kind](inner, self._locale)
        if isinstance(inner, bool):
            kind = "bool"
        elif isinstance(inner, int | float) and abs(inner) < _LARGEST:
            if kind == "instant":
                return self.instant(int(inner), zone)
            if kind in _DAYS:
                return _DAYS[kind](formats.local(int(inner), zone), self._locale)
            write = _NUMBERS.get(kind)
            if write:
                return write(inner, self._locale)
        _log.warning("a value of a sentence is of no known kind: %r", kind)
        return formats.clean(json.dumps(value, ensure_ascii=False, default=str))


_DAYS: dict[str, Callable[[Any, Any], str]] = {
    "day": formats.day,
    "short_day": formats.short_day,
    "time": formats.hour_and_minute,
}

_NUMBERS: dict[str, Callable[[float, Any], str]] = {
    "duration": lambda length_us, locale: formats.duration(int(length_us), locale),
    "ratio": formats.ratio,
    "ms": formats.milliseconds,
    "bytes": formats.size,
    "euro": formats.euro,
}

_JOINED: dict[str, Literal["standard", "or"]] = {"list": "standard", "any": "or"}
_WRITTEN: dict[str, Callable[[str, Any], str]] = {
    "date": formats.date_of,
    "percent": formats.percent,
}


def _read(data: Mapping[str, Any]) -> Text:
    """`Text.from_json` for data that nobody has checked."""
    values, plural = data.get("values"), data.get("plural")
    return Text(
        str(data.get("id", "")),
        values if isinstance(values, Mapping) else {},
        plural if isinstance(plural, str) else None,
    )


def _agree(value: str, choices: str) -> str:
    """The word whose endings fit the first word of `value`: `a,rete=bloccata`."""
    first = value.split(maxsplit=1)[0].lower() if value.strip() else ""
    for choice in choices.split("|"):
        endings, _, word = choice.partition("=")
        if any(first.endswith(ending) for ending in endings.split(",")):
            return word
    return ""


@lru_cache(maxsize=32)
def _translator(language: str, folders: tuple[Path, ...]) -> Translator:
    return Translator(load(language, folders), language)


def translator(language: str, *, folders: Sequence[Path] = ()) -> Translator:
    """The translator of a language (`it`, `en`, `pt-BR`), kept once made.

    `folders` hold further catalogues, `LANGUAGE.po` each. A language that has none
    is read in English.
    """
    return _translator(language, tuple(folders))
