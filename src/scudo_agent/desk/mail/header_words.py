"""Headers of mails as people read them: their words, and the addresses in them.

Whoever sends a mail writes them. Words are text whatever charset they name, and an
address is what stands in the line itself, never in what a name is decoded to.
"""

import re
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses
from encodings import normalize_encoding
from encodings.aliases import aliases

VALUE = 8 * 1024
"""Signs of a header that are looked at."""

_CONTROLS = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]+"
)
_ADDRESS = re.compile(
    r"[^@\s<>,;:()\"\\\x00-\x1f\x7f]{1,64}@[^@\s<>,;:()\"\\\x00-\x1f\x7f]{1,190}"
)
ADDRESS_IN = re.compile(r"[^@\s<>,;:()\"]{1,64}@[^@\s<>,;:()\"]{1,190}")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_ANGLED = re.compile(r"^[^<>]*<([^<>]*)>\s{0,9}(?:\([^()<>]*\))?\s*$")
_FROM = 2_000
"""Signs of a line that says who a mail is from."""

_CHARSETS = frozenset({*aliases.values(), "koi8_u", "cp720", "cp874"}) - {
    *("base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec"),
    *("zlib_codec", "unicode_escape", "raw_unicode_escape", "utf_7", "mbcs"),
}
"""What text comes in; the codecs taken away make other things than text of it."""

FAULTS = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What the package is known to raise for mails that no program of people writes."""


def sender_of(raw: dict[str, list[str]]) -> tuple[str, str]:
    """Name and address of the one who it is from; both empty unless it is one."""
    lines = raw.get("from", [])
    if len(lines) != 1 or len(lines[0]) > _FROM:
        return "", ""
    found = addresses(lines[0])
    if len(found) != 1 or len([x for _, x in getaddresses(lines) if x]) != 1:
        return "", ""
    # The package's parser and the mail server's must not differ about who it is.
    bare = _QUOTED.sub("", lines[0])
    angled = _ANGLED.search(bare)
    if angled is None:
        return found[0] if not {"<", ">"} & set(bare) else ("", "")
    return found[0] if _small(angled[1].strip()) == found[0][1] else ("", "")


def raw_headers(message: "Message[str, str]") -> dict[str, list[str]]:
    """All values of each header as they stand, by its small name."""
    found: dict[str, list[str]] = {}
    for name, value in message.raw_items():
        found.setdefault(name.lower(), []).append(str(value))
    return found


def decoded(value: str) -> str:
    """A header's value as people read it, on one line and without controls."""
    try:
        raw = value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # the package decoded it by a name of the sender's
        raw = value.encode("utf-8", "replace")
    plain = re.sub(r"[\r\n]+[ \t]*", " ", text_in(raw, None))
    try:
        pieces = decode_header(plain)
    except FAULTS:
        pieces = [(plain, None)]
    words = "".join(
        piece if isinstance(piece, str) else text_in(piece, charset)
        for piece, charset in pieces
    )
    return " ".join(_CONTROLS.sub(" ", words).split())


def text_in(raw: bytes, named: str | None) -> str:
    """Bytes as text: by their name, else UTF-8, else what Windows writes."""
    for one in (named, "utf-8"):
        if one is None or not _is_text(one):
            continue
        try:
            text = raw.decode(one.strip().strip("\"'"))
        except (LookupError, ValueError):
            continue
        return text.encode("utf-8", "replace").decode()
    return raw.decode("cp1252", "replace")


def _is_text(named: str) -> bool:
    """Whether it is the name of a charset; Python's codecs are much else, too."""
    known = normalize_encoding(named.strip().strip("\"'")).lower()
    return aliases.get(known, known) in _CHARSETS


def addresses(value: str) -> list[tuple[str, str]]:
    """Names and addresses of a header, as far as it is not absurdly long.

    `value` is the header as it stands: what is encoded in a name is no address, though
    it may look like one (RFC 2047 5).
    """
    found = getaddresses([value[:VALUE]])
    return [
        (decoded(name)[:200], _small(address))
        for name, address in found
        if _ADDRESS.fullmatch(address)
    ]


def _small(address: str) -> str:
    """In small letters; others than ASCII's stay, as some have small ones in it."""
    plain = text_in(address.encode("utf-8", "surrogateescape"), None)
    return plain.lower() if plain.isascii() else plain
