"""What would be right: the nearest known word, or the words there are."""

from collections.abc import Iterable
from difflib import get_close_matches

_SHOWN = 8


def did_you_mean(word: str, known: Iterable[str] | None = None) -> str:
    """The end of a sentence, `; did you mean 'x'?`, or nothing.

    Without `known`, `word` itself is what was meant.
    """
    if known is None:
        return f"; did you mean '{word}'?"
    near = get_close_matches(word[:200], list(known), n=1)
    return did_you_mean(near[0]) if near else ""


def or_choices(word: str, known: Iterable[str], *, there: str) -> str:
    """`; did you mean 'x'?`, or else `; <there> a, b and c`."""
    words = list(known)
    near = did_you_mean(word, words)
    if near or not words:
        return near
    shown = ", ".join(words[:_SHOWN])
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return f"; {there} {shown}{more}"
