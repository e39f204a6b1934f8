"""Catalogues of translations: `.po` files, read at run time and kept.

There is no compile step: a third language is one more file, in this folder or in
one that the caller names.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from gettext import c2py
from pathlib import Path

from babel.messages.pofile import PoFileError, read_po

from scudo_agent.errors import ScudoError

HOME = Path(__file__).parent
"""The folder of the catalogues that belong to the program."""

SOURCE = "en"
"""The language that the message ids are written in."""

_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Za-z]{2,4})?")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One language's sentences: by message id, one form or the plural forms."""

    language: str
    sentences: Mapping[str, tuple[str, ...]]
    plural: Callable[[int], int]

    def find(self, sentence: str) -> str | None:
        """The translation of a sentence without plural, None if there is none."""
        forms = self.sentences.get(sentence, ())
        return forms[0] if len(forms) == 1 else None

    def find_plural(self, one: str, n: int) -> str | None:
        """The translation of a sentence about `n` things, None if there is none."""
        forms = self.sentences.get(one, ())
        at = self.plural(n)
        return forms[at] if len(forms) > 1 and at < len(forms) else None


def _english_plural(n: int) -> int:
    return 0 if n == 1 else 1


def normal(language: str) -> str:
    """`IT`, `pt-BR` and the like as the files are named: `it`, `pt_BR`."""
    head, _, tail = language.strip().replace("-", "_").partition("_")
    return f"{head.lower()}_{tail}" if tail else head.lower()


def languages(folders: Sequence[Path] = ()) -> tuple[str, ...]:
    """The languages that texts can be read in, English included, sorted."""
    found = {path.stem for home in (*folders, HOME) for path in home.glob("*.po")}
    return tuple(sorted(found | {SOURCE}))


@lru_cache(maxsize=32)
def load(language: str, folders: tuple[Path, ...] = ()) -> Catalogue:
    """The catalogue of a language; `folders` win over the program's own.

    `pt_BR` falls back to `pt`, and a language without a file to English, which is
    logged once. A file that is no catalogue raises `ScudoError`.
    """
    wanted = normal(language)
    if _LANGUAGE.fullmatch(wanted):
        for name in dict.fromkeys((wanted, wanted.partition("_")[0])):
            for home in (*folders, HOME):
                path = home / f"{name}.po"
                if path.is_file():
                    return _read(name, path)
    if wanted.partition("_")[0] != SOURCE:
        _log.warning("there is no catalogue for language %r: texts are English", wanted)
    return Catalogue(SOURCE, {}, _english_plural)


def _read(language: str, path: Path) -> Catalogue:
    try:
        with path.open("rb") as file:
            source = read_po(file, abort_invalid=True)
    except (PoFileError, OSError, ValueError) as exc:
        raise ScudoError(f"{path}: no readable catalogue: {exc}") from None
    sentences: dict[str, tuple[str, ...]] = {}
    for message in source:
        if not message.id or message.fuzzy:
            continue
        key = message.id if isinstance(message.id, str) else message.id[0]
        forms = _forms(message.string)
        if all(forms):
            sentences[key] = forms
    rule = _plural_rule(source.plural_expr)
    return Catalogue(language, sentences, rule)


def _forms(string: str | Sequence[str] | None) -> tuple[str, ...]:
    if isinstance(string, str) or string is None:
        return (string or "",)
    return tuple(string)


def _plural_rule(expression: str) -> Callable[[int], int]:
    """The function of a `Plural-Forms` expression such as `(n != 1)`."""
    choose: Callable[[int], int] = c2py(expression)
    return choose
