"""The words that a ticket is found by, and what somebody looks for; pure.

A text falls into chunks between spaces, a chunk into parts of letters and digits.
What is kept of a chunk are its ends from each part on: of `www.erp.example/login`
also `erp.example/login`, `example/login` and `login`. So whatever begins where a part
begins is the beginning of a kept word, and a look at a range of words finds it.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address

from scudo_agent.locale.formats import clean

WORD_SIGNS = 64
"""A word is no longer; of a longer one its begin counts."""

QUERY_WORDS = 8
"""So many words of a query count."""

QUERY_SIGNS = 300
"""So much of a query is read."""

PREFIX_SIGNS = 3
"""From so many signs on a word that is looked for may be the begin of another."""

_TEXT_SIGNS = 20_000
_PARTS = 12
_LAST = "\U0010ffff"

_PART = re.compile(r"[^\W_]+")
_QUOTED = re.compile(r'"([^"]*)"|([^"]+)')
_SERIAL = re.compile(r"[^\W_]+(?:[-_:.][^\W_]+)+")
_PHONE = re.compile(r"(?<![\w.:/-])\+?\(?\d[\d ()./-]{4,18}\d(?![\w.:/-])")
_PHONE_DIGITS = range(6, 16)
# What Unicode does not take apart, and people type in other letters.
_LIKE = str.maketrans(
    {
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "ħ": "h",
        "ł": "l",
        "ı": "i",
        "þ": "th",
        "’": "'",
        "‘": "'",
        "ʼ": "'",
        "“": '"',
        "”": '"',
        "«": '"',
        "»": '"',
        "‐": "-",
        "‑": "-",
        "‒": "-",
        "–": "-",
        "—": "-",
        "−": "-",
    }
)


def fold(text: str) -> str:
    """A text as it is compared: small letters, no accents, no ligatures, `ss` for ß."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text).casefold().translate(_LIKE)
    again = unicodedata.normalize("NFKD", apart)
    return "".join(c for c in again if not unicodedata.combining(c)).casefold()


@lru_cache(maxsize=4096)
def words(text: str) -> frozenset[str]:
    """The words that a text is found by."""
    folded = fold(clean(text[:_TEXT_SIGNS]))
    found = set(_numbers(folded))
    for chunk in folded.split():
        found.update(_ends(chunk))
    return frozenset(found)


def _ends(chunk: str) -> Iterator[str]:
    """What is kept of one chunk."""
    parts = [(one.start(), one.end()) for one in _PART.finditer(chunk)]
    if not parts:
        return
    last = parts[-1][1]
    for start, _ in parts[:_PARTS]:
        yield chunk[start : min(last, start + WORD_SIGNS)]
    for start, end in parts[_PARTS:]:
        yield chunk[start : min(end, start + WORD_SIGNS)]
    if len(parts) > 1:
        for serial in _SERIAL.finditer(chunk):
            yield from _joined(serial[0], ends=True)
        if (address := _address(chunk)) is not None:
            yield address


def _joined(whole: str, *, ends: bool) -> Iterator[str]:
    """A serial number, a MAC address, a ticket's number without what divides it."""
    if not _SERIAL.fullmatch(whole) or not any(map(str.isdigit, whole)):
        return
    pieces = _PART.findall(whole)[:_PARTS]
    for first in range(len(pieces) - 1 if ends else 1):
        yield "".join(pieces[first:])[:WORD_SIGNS]


def _numbers(folded: str) -> Iterator[str]:
    """Telephone numbers as digits alone, with the country and without."""
    for match in _PHONE.finditer(folded):
        digits = "".join(_digits(match[0]))
        if match[0].startswith("+") or digits.startswith("00"):
            digits = digits.removeprefix("00")
            yield from (digits[cut:] for cut in (1, 2, 3) if len(digits) - cut > 5)
        if len(digits) in _PHONE_DIGITS:
            yield digits


def _digits(text: str) -> list[str]:
    return re.findall(r"[0-9]", text)


def _address(chunk: str) -> str | None:
    """An IPv6 address as everybody writes it, whatever stands around it."""
    if chunk.count(":") < 2:
        return None
    for candidate in re.findall(r"[0-9a-f:.]*:[0-9a-f:.]*", chunk):
        for text in (candidate, candidate.rstrip(".:")):
            try:
                return IPv6Address(text).compressed
            except ValueError:
                continue
    return None


@dataclass(frozen=True, slots=True)
class Sought:
    """One word of a query: found if one of its `forms` is, as a begin or `whole`."""

    forms: tuple[str, ...]
    whole: bool

    @property
    def ranges(self) -> tuple[tuple[str, str], ...]:
        """Ranges of kept words, the upper end excluded, that fulfil it.

        Whole is what ends there, or goes on with something that is no letter or
        digit (of ASCII): a kept word has no sign below `!` and no large letter.
        """
        if not self.whole:
            return tuple((form, form + _LAST) for form in self.forms)
        ends = (("", "0"), (":", "a"), ("{", "\x7f"))
        return tuple(
            (form + low, form + high) for form in self.forms for low, high in ends
        )


def sought(query: str) -> tuple[Sought, ...]:
    """What a query asks for; nothing where it has neither letters nor digits.

    All words have to be found. What stands in quotation marks is looked for whole,
    and so is a word of one or two signs that is not the last.
    """
    folded = fold(clean(query[:QUERY_SIGNS]))
    if len(number := "".join(_digits(folded))) in _PHONE_DIGITS and (
        _PHONE.fullmatch(folded.strip())
    ):
        plain = re.sub(r"^00", "", number)
        return (Sought((plain,), whole=False),)
    chunks: list[tuple[str, bool]] = []
    for quoted, plain in _QUOTED.findall(folded):
        chunks += [(chunk, bool(quoted)) for chunk in (quoted or plain).split()]
    found = [
        (forms, quoted) for chunk, quoted in chunks if (forms := tuple(_forms(chunk)))
    ][:QUERY_WORDS]
    return tuple(
        Sought(
            forms,
            whole=quoted or (number < len(found) - 1 and len(forms[0]) < PREFIX_SIGNS),
        )
        for number, (forms, quoted) in enumerate(found)
    )


def _forms(chunk: str) -> list[str]:
    """How one chunk of a query may stand in a text."""
    parts = [(one.start(), one.end()) for one in _PART.finditer(chunk)]
    if not parts:
        return []
    whole = chunk[parts[0][0] : parts[-1][1]]
    forms = [whole[:WORD_SIGNS], *_joined(whole, ends=False)]
    if (address := _address(chunk)) is not None:
        forms.append(address)
    return list(dict.fromkeys(forms))


def as_ref(query: str) -> str | None:
    """The public number that a query is, if it is one, however it is written."""
    signs = "".join(_PART.findall(fold(clean(query[:QUERY_SIGNS])))).upper()
    code = signs.removeprefix("SC") if len(signs) == 10 else signs
    return f"SC-{code[:4]}-{code[4:]}" if len(code) == 8 and code.isascii() else None
