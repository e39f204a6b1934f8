"""Channels other than mail by which the provider's people are called.

Each call is a process of its own (`channel_child`): it has a deadline, and what it
logs is nobody's. The desk's settings name the kinds that may be used at all.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from urllib.parse import unquote

from scudo_agent.errors import InputError

PATIENCE_S = 60.0
"""A call has so long, from the start of its process on."""

URL_LIMIT = 500
_REFUSED = ("redirect", "template", "verify")
"""Keys of an address by which whoever wrote it would read the desk's files, follow
redirects, or take any certificate: these are not for one person to say."""
_ENVIRONMENT = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE")


def kind_of(url: str) -> str:
    """The kind of a channel by its address, such as `ntfys`."""
    return url.partition("://")[0].lower()


def checked_channel(url: str, kinds: Sequence[str]) -> str:
    """The address as it is kept; `InputError` says why it cannot be one."""
    plain = url.strip()
    if len(plain) > URL_LIMIT or not plain.isascii() or not plain.isprintable():
        raise InputError(f"a channel has at most {URL_LIMIT} visible ASCII signs")
    if "://" not in plain or kind_of(plain) not in kinds:
        raise InputError(f"a channel is one of these kinds: {', '.join(kinds)}")
    if (key := refused_key(plain)) is not None:
        raise InputError(f"a channel's address may not say '{key}'")
    return plain


def refused_key(url: str) -> str | None:
    """The first key of the address that none may have, as apprise reads keys."""
    # More than one question mark, or a fragment: whatever could be read as a key.
    for pair in re.split(r"[?&;#]", url)[1:]:
        # Twice: some plugins decode what is decoded.
        key = unquote(unquote(pair.partition("=")[0].replace("+", " ")))
        if (key := key.strip().lower()) in _REFUSED:
            return key
    return None


def send(
    url: str,
    title: str,
    body: str,
    *,
    allow: Sequence[str] = (),
    check: bool = False,
    patience_s: float = PATIENCE_S,
) -> str:
    """Make one call (`check`: only look at the address); empty, or why not. Blocks.

    Nothing of the address is in the answer.
    """
    asked = {"url": url, "title": title, "body": body, "allow": list(allow)}
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    try:
        # The address is read from a pipe: it stands in no list of processes.
        done = subprocess.run(
            [sys.executable, "-m", "scudo_agent.desk.channel_child"],
            input=json.dumps(asked | {"check": check}),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=kept,
            text=True,
            timeout=patience_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {patience_s:.0f} s"
    try:
        error = json.loads(done.stdout)["error"]
    except (ValueError, KeyError, TypeError):
        return f"its process ended with {done.returncode}"
    return str(error)
