"""Sentences that are written once and read in any language.

Where a program states something that a person will read in their own language
(what a probe saw, why an incident opened), it makes a `Text`: the English
sentence with named places, which is the message id of the gettext catalogue,
and the values. Rendering happens at the edge (`scudo_agent.locale`), in the
reader's language and time zone. The extraction of the catalogue looks for calls
of `T(...)` and `TN(...)` with literal sentences.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Value = str | int | float | dict[str, Any]
"""A named value of a sentence, JSON-serialisable.

Text and numbers stand for themselves (numbers are formatted for the reader);
`{"instant": us}` is an instant, `{"day": us}` and `{"short_day": us}` its date,
`{"duration": us}` a length of time, `{"ratio": 0.61}` a percentage, `{"ms": 3.2}`
milliseconds, `{"bytes": n}` a size, `{"euro": 75.0}` an amount,
`{"date": "2026-11-23"}` a day, `{"percent": "99.9"}` an exact percentage,
`{"title": {"it": …, "en": …}}` a thing's name, `{"list": […]}` several sentences
(`a, b and c`), `{"any": […]}` one of several (`a, b or c`) and `{"text": {...}}`
another sentence.
"""


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence: message id (English, `{named}` places) and its values.

    With `plural`, `values["n"]` chooses the form.
    """

    id: str
    values: Mapping[str, Value] = field(default_factory=dict)
    plural: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The form that is stored and sent."""
        out: dict[str, Any] = {"id": self.id, "values": dict(self.values)}
        if self.plural is not None:
            out["plural"] = self.plural
        return out

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Text":
        """Undo `to_json`."""
        return cls(data["id"], dict(data.get("values", {})), data.get("plural"))


def T(sentence: str, /, **values: Value) -> Text:
    """A sentence with its named values."""
    return Text(sentence, values)


def TN(one: str, many: str, /, *, n: int, **values: Value) -> Text:
    """A sentence whose form depends on the whole number `n`."""
    return Text(one, {"n": n, **values}, many)
