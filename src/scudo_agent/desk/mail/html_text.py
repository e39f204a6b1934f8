"""The text of a mail that has only HTML: lines as read, quotations marked with `>`.

The tags are found by one pass of our own: the library's parser needs minutes for
some 100 kB of unclosed comments, and whoever sends a mail decides what is in it.
"""

import html
import re
from collections import Counter
from collections.abc import Iterator

SIZE = 256 * 1024
"""Signs that are looked at, of all the HTML of one mail."""

_BLOCKS = frozenset(
    """
    address article blockquote br dd div dl dt footer form h1 h2 h3 h4 h5 h6 header hr
    li main nav ol p pre section table tr ul
    """.split()  # noqa: SIM905
)
_SILENT = frozenset(("head", "script", "style", "title", "template", "noscript"))
_RAW = frozenset(("script", "style"))
_VOID = frozenset(("br", "col", "embed", "hr", "img", "input", "link", "meta"))
_QUOTES = frozenset(
    ("gmail_quote", "moz-cite-prefix", "yahoo_quoted", "protonmail_quote")
)
_HEADS = ("divRplyFwdMsg", "appendonsend", "mail-editor-reference-message-container")
_DEPTH = 200
_TAG = 2_000
_NAME = re.compile(r"/?([a-zA-Z][a-zA-Z0-9:]{0,30})")
_MARKS = re.compile(r"\b(id|class)\s*=\s*[\"']?([^\"'>]{1,200})", re.IGNORECASE)


class _Reader:
    """Collects lines; knows how deep in quotations and in what is not shown it is."""

    def __init__(self) -> None:
        self._lines: list[list[str]] = [[]]
        self._shown = False
        self._open: list[tuple[str, bool, bool]] = []
        # How many of each are open, so that nothing is searched for each tag.
        self._names: Counter[str] = Counter()
        self._quoting = self._silent = 0
        self._rest = False

    def lines(self) -> Iterator[str]:
        """What was said, line by line."""
        return ("".join(pieces).rstrip() for pieces in self._lines)

    def tag(self, inside: str) -> None:
        """A tag, without its brackets."""
        found = _NAME.match(inside)
        if found is None:
            return
        name = found[1].lower()
        if name in _BLOCKS:
            self._lines.append([])
            self._shown = False
        if inside.startswith("/"):
            self._close(name)
            return
        marks = {key.lower(): value for key, value in _MARKS.findall(inside)}
        if marks.get("id") in _HEADS:
            # What follows the head that Outlook writes is the mail that was answered.
            self._rest = True
        if name in _VOID or len(self._open) >= _DEPTH:
            return
        classes = _QUOTES.intersection(marks.get("class", "").split())
        quotes = name == "blockquote" or bool(classes)
        self._open.append((name, quotes, name in _SILENT))
        self._names[name] += 1
        self._quoting += quotes
        self._silent += name in _SILENT

    def _close(self, name: str) -> None:
        if not self._names[name]:
            return
        found = ""
        while found != name:
            found, quotes, silent = self._open.pop()
            self._names[found] -= 1
            self._quoting -= quotes
            self._silent -= silent

    def say(self, text: str) -> None:
        """Words, as they are shown."""
        if self._silent:
            return
        shown = html.unescape(text).replace("\xa0", " ")
        words = " ".join(shown.split())
        line = self._lines[-1]
        spaced = line and line[-1].endswith(" ")
        if not words:
            if text and self._shown and not spaced:
                line.append(" ")
            return
        if not self._shown:
            line[:] = ["> "] if self._rest or self._quoting else []
            self._shown = bool(words.strip("> "))
        elif shown[:1].isspace() and not spaced:
            line.append(" ")
        line.append(words + (" " if shown[-1:].isspace() else ""))


def text_of(document: str) -> str:
    """What stands in an HTML document, line by line; never more than `SIZE` of it."""
    reader = _Reader()
    for is_tag, piece in _pieces(document[:SIZE]):
        if is_tag:
            reader.tag(piece)
        else:
            reader.say(piece)
    found: list[str] = []
    for line in reader.lines():
        if line or (found and found[-1]):
            found.append(line)
    return "\n".join(found).strip("\n")


def _pieces(document: str) -> Iterator[tuple[bool, str]]:
    """Tags (without brackets) and what stands between them, in one pass."""
    at, size = 0, len(document)
    low = document.lower()
    while at < size:
        begin = document.find("<", at)
        if begin < 0:
            yield False, document[at:]
            return
        if begin > at:
            yield False, document[at:begin]
        closing = "-->" if document.startswith("<!--", begin) else ">"
        end = document.find(closing, begin)
        if end < 0:
            # Nothing closes any more: what is left is no tag, and no comment either.
            yield False, document[begin + 1 :].replace("<", " ")
            return
        at = end + len(closing)
        inside = document[begin + 1 : min(end, begin + _TAG)]
        yield True, inside
        name = _NAME.match(inside)
        if name is not None and name[0].lower() in _RAW:
            over = low.find(f"</{name[0].lower()}", at)
            at = size if over < 0 else over
