"""Text that others sent, made fit to be shown, stored and mailed.

A device's name or a server's header can hold anything; what is shown of it is
printable, on one line and short (`reliability.md` 0.3).
"""

MAX_SHOWN = 256
"""Characters of foreign text that are shown."""


def printable(raw: bytes) -> str:
    """Octets as text, or as hexadecimal digits if they are none (a MAC address)."""
    octets = raw.rstrip(b"\0")
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        return _hex(raw)
    if any(not c.isprintable() and not c.isspace() for c in text):
        return _hex(raw)
    return one_line(text)


def _hex(raw: bytes) -> str:
    shown = raw[: MAX_SHOWN // 3].hex(":")
    return shown if len(raw) <= MAX_SHOWN // 3 else shown + "…"


def one_line(text: str) -> str:
    """Foreign text without control characters, on one line, at most 256 long."""
    words = "".join(c if c.isprintable() else " " for c in text[: 4 * MAX_SHOWN])
    line = " ".join(words.split())
    return line if len(line) <= MAX_SHOWN else line[: MAX_SHOWN - 1] + "…"
