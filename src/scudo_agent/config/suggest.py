"""What would be right: the nearest known word, or the words there are."""

from collections.abc import Iterable
from difflib import get_close_matches

_SHOWN = 8


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    near = get_close_matches(word[:200], list(known), n=1)
    return near[0] if near else None


def did_you_mean(word: str, known: Iterable[str] | None = None) -> str:
    """The end of a sentence, `; did you mean 'x'?`, or nothing.

    Without `known`, `word` itself is what was meant.
    """
    if known is None:
        return f"; did you mean '{word}'?"
    near = nearest(word, known)
    return did_you_mean(near) if near else ""


def or_choices(
    word: str, known: Iterable[str], *, there: str, also: Iterable[str] = ()
) -> str:
    """`; did you mean 'x'?`, or else `; <there> a, b, c`.

    A word of `also` may have been meant, but is not listed.
    """
    words = list(known)
    near = did_you_mean(word, [*words, *also])
    if near or not words:
        return near
    shown = ", ".join(words[:_SHOWN])
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return f"; {there} {shown}{more}"
