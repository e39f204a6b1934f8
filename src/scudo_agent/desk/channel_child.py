"""One call by a channel, made by apprise in a process of its own.

    echo '{"url": …}' | python -m scudo_agent.desk.channel_child

Apprise loads 140 plugins, logs addresses with what is secret in them and follows
redirects; none of this is the desk's then. The process connects to the open internet
and to networks that are named, starts no other one, and is killed at its deadline.
"""

import json
import logging
import re
import sys
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from scudo_agent.desk.channels import refused_key
from scudo_agent.desk.webhook_target import Network, public

_STATUS = re.compile(r"error=(\d{3})\b")
_CONNECTS = ("socket.connect", "socket.sendto", "socket.sendmsg")
_STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork")


class _Refused(RuntimeError):
    """The channel leads to where none may."""


class _Words(logging.Handler):
    """Keeps of what apprise logs the status alone: the rest may hold secrets."""

    def __init__(self) -> None:
        super().__init__()
        self.status = ""

    def emit(self, record: logging.LogRecord) -> None:
        found = _STATUS.search(record.getMessage())
        if found is not None:
            self.status = found[1]


def guard(allowed: Sequence[Network]) -> list[str]:
    """Let this process connect to nothing else; what it was refused is in the list."""
    refused: list[str] = []

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event in _STARTS:
            refused.append("starts a program, which is not allowed")
            raise _Refused
        if event not in _CONNECTS:
            return
        address = args[1]
        if not _fits(address, allowed):
            where = address[0] if isinstance(address, tuple) else "a socket of files"
            refused.append(f"leads to {where}, which is not allowed")
            raise _Refused

    sys.addaudithook(hook)
    return refused


def _fits(address: Any, allowed: Sequence[Network]) -> bool:
    try:
        found = ip_address(str(address[0]).partition("%")[0])
    except (ValueError, TypeError, IndexError, KeyError):
        return False
    return public(found) or any(found in network for network in allowed)


def make_call(asked: dict[str, Any]) -> str:
    """Make the call (`check`: only look at its address); empty when it is done."""
    import apprise

    words = _Words()
    logger = logging.getLogger("apprise")
    logger.handlers, logger.propagate = [words], False
    if refused_key(asked["url"]) is not None:
        return "its address says what none may say"
    asset = apprise.AppriseAsset(http_redirects=False, secure_logging=True)
    channel = apprise.Apprise.instantiate(asked["url"], asset=asset)
    if not isinstance(channel, apprise.NotifyBase):
        return "its address cannot be understood"
    if asked.get("check"):
        return ""
    refused = guard([ip_network(one) for one in asked["allow"]])
    try:
        taken = channel.notify(body=asked["body"], title=asked["title"])
    except Exception as exc:  # noqa: BLE001 - a plugin's fault is an answer, too
        taken = False
        words.status = words.status or type(exc).__name__
    if taken:
        return ""
    if refused:
        return refused[0]
    return f"answered {words.status}" if words.status else "was not taken"


def main() -> int:
    """Answer one request on the standard input."""
    error = make_call(json.loads(sys.stdin.read()))
    sys.stdout.write(json.dumps({"error": error}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
