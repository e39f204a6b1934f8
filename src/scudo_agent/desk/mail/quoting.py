"""What somebody wrote in a reply, apart from what he quoted and how he signed.

Nothing is thrown away: what is folded is kept beside. What is not recognised stays
where it was, so that at worst a quotation is read as the writer's own words.

The sender decides what a line is, and all lines are looked at before anybody knows
who he is: so no pattern here has two neighbours that take the same signs without a
bound, and nothing is counted again for each line.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

LINES = 20_000
"""More lines than that are not looked at: they count as written."""

_LONG = 500
"""Signs of a line: nothing that a program puts between mails is longer."""

_WROTE = ("ha scritto", "wrote", "scrisse", "schrieb", "a écrit", "escribió")
_DATED = re.compile(r"^\W{0,6}(?:Il|In data|On|Am|Le|El)\s", re.IGNORECASE)
_DATE = re.compile(r"[\d@]")
_NAMED = re.compile(
    r"^[^\w<>]{0,6}[^<>]{0,80}<[^\s<>@]{1,64}@[^\s<>@]{1,190}>[^<>]{0,80}$"
)
_BEFORE = 310
"""Signs before the verb of an introduction that names a date, at most."""

_RULE = re.compile(
    r"^[^\w\-=*]{0,6}[-_=*]{2,80}\s{0,20}"
    r"(?:Original Message|Original Appointment|Messaggio originale"
    r"|Messaggio Inoltrato|Forwarded Message|Forwarded message"
    r"|Begin forwarded message|Inizio messaggio inoltrato|Reply message"
    r"|Ursprüngliche Nachricht|Message d'origine)"
    r"\s{0,20}[-_=*]{0,80}\s{0,20}$",
    re.IGNORECASE,
)
_HEAD = re.compile(r"^\W{0,2}(?:Da|From|Von|De)\W{0,2}:\s{0,40}\S", re.IGNORECASE)
_OTHERS = (
    re.compile(
        r"^\W{0,2}(?:Inviato|Sent|Data|Date|Gesendet|Envoyé)\W{0,2}:", re.IGNORECASE
    ),
    re.compile(r"^\W{0,2}(?:A|To|An|À)\W{0,2}:", re.IGNORECASE),
    re.compile(r"^\W{0,2}(?:Oggetto|Subject|Betreff|Objet)\W{0,2}:", re.IGNORECASE),
)
_LINE = re.compile(r"^\s*[_\-=]{10,}\s*$")
_MOBILE = re.compile(
    r"^\s{0,40}(?:Inviato da(?:l mio)? |Inviato con |Sent from |Ottieni Outlook per "
    r"|Get Outlook for |Scaricato da )",
    re.IGNORECASE,
)
_HEAD_LINES = 6
_TAIL = 12
"""A telephone's signature has nothing but a few lines behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """A mail's text in three: what was `said`, what was `quoted`, the `signature`."""

    said: str
    quoted: str = ""
    signature: str = ""


def fold(text: str, *, forwarded: bool = False) -> Folded:
    """Part a mail's text. What was `forwarded` is what the mail is about: it stays."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(lines) > LINES:
        return Folded(said=text.strip())
    if forwarded:
        return Folded(said=_joined(lines))
    own, quoted = _parted(lines)
    own, signature = _signed(own)
    said = _joined(own)
    if not said and quoted:
        # All of it looks quoted: then nothing tells what was said and what was not.
        return Folded(said=_joined(lines))
    return Folded(said=said, quoted=_joined(quoted), signature=_joined(signature))


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def _parted(lines: list[str]) -> tuple[list[str], list[str]]:
    """Own lines and quoted ones; replies below and between quotations are own."""
    cut = _cut(lines)
    head, tail = lines[:cut], lines[cut:]
    unmarked = _unmarked(head)
    own: list[str] = []
    quoted: list[str] = []
    for number, line in enumerate(head):
        if line.lstrip().startswith(">") or _before_quote(head, number, unmarked):
            quoted.append(line)
        else:
            own.append(line)
    return own, quoted + tail


def _before_quote(lines: list[str], number: int, unmarked: list[bool]) -> bool:
    """Whether this line, or the line it is wrapped into, introduces quoted lines."""
    for first in range(max(0, number - 2), number + 1):
        last = _introduced(lines, first)
        if last is not None and last >= number and not unmarked[last]:
            return True
    return False


def _introduced(lines: list[str], first: int) -> int | None:
    """The last line of an introduction that begins here, wrapped once or twice."""
    words = ""
    for last in range(first, min(first + 3, len(lines))):
        if not lines[last].strip() or len(lines[last]) > _LONG:
            return None
        words += " " + lines[last]
        if _introduction(words):
            return last
    return None


def _introduction(words: str) -> bool:
    """Whether the words say who wrote what follows.

    With a date or an address: "Il fornitore ha scritto:" is somebody's own sentence.
    The end is looked at first: few lines have it, and it takes no search.
    """
    bare = words.rstrip()
    if not bare.endswith(":"):
        return False
    bare = bare[:-1].rstrip().lower()
    verb = next((one for one in _WROTE if bare.endswith(one)), None)
    if verb is None:
        return False
    before = bare.removesuffix(verb)
    if len(before) <= _BEFORE and _DATED.match(before) and _DATE.search(before):
        return True
    return _NAMED.match(before) is not None


def _cut(lines: list[str]) -> int:
    """From which line on all is quoted, without a sign before each line."""
    unmarked = _unmarked(lines)
    for number, line in enumerate(lines):
        if not line.strip() or len(line) > _LONG:
            continue
        if _RULE.match(line):
            return number
        if _HEAD.match(line) and _headers(lines[number + 1 : number + 1 + _HEAD_LINES]):
            before = number - 1
            while before >= 0 and not lines[before].strip():
                before -= 1
            return (
                before if before >= 0 and _LINE.match(lines[before][:_LONG]) else number
            )
        last = _introduced(lines, number)
        if last is not None and unmarked[last]:
            return number
    return len(lines)


def _headers(lines: list[str]) -> bool:
    """Whether these lines go on with the headers of a quoted mail."""
    short = [line for line in lines if len(line) <= _LONG]
    return sum(any(one.match(line) for line in short) for one in _OTHERS) >= 2


def _unmarked(lines: list[str]) -> list[bool]:
    """For each line: whether what follows it has no `>` before its lines."""
    found: list[bool] = []
    marked = True  # nothing follows the last line, so nothing of it is quoted
    for line in reversed(lines):
        found.append(not marked)
        bare = line.lstrip()
        if bare:
            marked = bare.startswith(">")
    return found[::-1]


def _signed(lines: list[str]) -> tuple[list[str], list[str]]:
    """The lines before the signature and the signature."""
    left = sum(1 for line in lines if line.strip())
    for number, line in enumerate(lines):
        if line.rstrip("\n") in ("-- ", "--"):
            return lines[:number], lines[number:]
        if left <= _TAIL and _MOBILE.match(line[:_LONG]):
            return lines[:number], lines[number:]
        left -= bool(line.strip())
    return lines, []
