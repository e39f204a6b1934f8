"""Commands with verbs: each verb has a parser of its own, and one way to refuse."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from scudo_agent.errors import InputError

if TYPE_CHECKING:
    Verbs = argparse._SubParsersAction["Verb"]


_FILES = (".yaml", ".yml")


class AnyOrder(argparse.ArgumentParser):
    """Words may stand before, between and behind the options.

    `argparse` takes an optional word for absent at the first required one, so that
    in `move ID --start … SITE` the site would be one word too many.
    """

    _asked = False

    def parse_known_args(  # type: ignore[no-untyped-def]
        self, args=None, namespace=None
    ):
        """As documented; the intermixed form calls this one again, by parts."""
        if self._asked:
            return super().parse_known_args(args, namespace)
        self._asked = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._asked = False


class Verb(AnyOrder):
    """A verb with its words and options, or a group of verbs; refuses in one line.

    Of a group, `usual` is the verb that is meant when none is named.
    """

    usual: str | None = None

    def error(self, message: str) -> NoReturn:
        """`InputError`: what is wrong, and where stands what would be right."""
        raise InputError(f"{message}; see '{self.prog} --help'")

    def parse_known_args(  # type: ignore[no-untyped-def]
        self, args=None, namespace=None
    ):
        """As documented; nothing is left over of a verb's words."""
        if self._subparsers is not None:
            # The intermixed form is for parsers without verbs.
            args, self._asked = self._with_verb(args), True
        outermost = not self._asked
        found, rest = super().parse_known_args(args, namespace)  # type: ignore[no-untyped-call]
        if rest and outermost:
            self.error(f"'{rest[0]}' does not go with '{self.prog}'")
        return found, rest

    def _with_verb(self, words: Sequence[str]) -> Sequence[str]:
        """The words, with the usual verb in front where they name none."""
        known = self._subparsers._group_actions[0].choices if self._subparsers else ()
        if self.usual is None or {"-h", "--help", *(known or ())} & set(words):
            return words
        if not words or words[0].startswith("-") or words[0].endswith(_FILES):
            return [self.usual, *words]
        return words


def group(verbs: "Verbs", name: str, text: str, *, usual: str | None) -> "Verbs":
    """A verb that has verbs itself: `desk user …`; which one stands in `verb`."""
    parser = verbs.add_parser(name, help=text, description=sentence(text))
    parser.usual = usual
    add_settings(parser, default=argparse.SUPPRESS)
    return parser.add_subparsers(
        dest="verb", metavar="VERB", required=True, parser_class=Verb
    )


def verb(verbs: "Verbs", name: str, text: str, *, example: str = "") -> Verb:
    """A verb of its own, with what one writes to have it done."""
    return verbs.add_parser(
        name,
        help=text,
        description=sentence(text),
        epilog=f"example: {example}" if example else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def leaves(verbs: "Verbs") -> list[Verb]:
    """All verbs that do something, those of groups included."""
    found: list[Verb] = []
    for parser in verbs.choices.values():
        inner = parser._subparsers and parser._subparsers._group_actions
        if inner:
            assert isinstance(inner[0], argparse._SubParsersAction)
            found += leaves(inner[0])
        else:
            found.append(parser)
    return found


def sentence(text: str) -> str:
    """A line of help as a sentence of its own."""
    return f"{text[0].upper()}{text[1:]}."


def add_settings(parser: argparse.ArgumentParser, *, default: Any = None) -> None:
    """Which desk is meant; a verb's own option does not undo the one before it."""
    parser.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        default=default,
        help="the desk's settings (desk.yaml); default: all defaults",
    )


def add_embedding(parser: argparse.ArgumentParser) -> None:
    """The site whose agent embeds the desk that is meant."""
    parser.add_argument(
        "site",
        nargs="?",
        type=Path,
        metavar="SITE",
        help="the site file whose agent embeds the desk, instead of --settings",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """The answer for programs."""
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
