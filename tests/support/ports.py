"""Numbers of ports for servers that a test starts, and starts again.

The kernel gives the ports of its own range to outgoing connections, so a server
that went away for a moment may find its number taken there. These lie below.
"""

import random
import socket
from functools import cache
from itertools import count
from pathlib import Path

_FIRST = 10_000
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_given: set[int] = set()
_random = random.Random()
"""Not the tests' own, which begins anew with the same seed for each of them."""


@cache
def _beyond() -> int:
    return int(_RANGE.read_text(encoding="ascii").split()[0])


def free_port(*, udp: bool = False) -> int:
    """A port of loopback that nobody has now, and that nobody is given by chance."""
    kind = socket.SOCK_DGRAM if udp else socket.SOCK_STREAM
    for _ in count():
        number = _random.randrange(_FIRST, _beyond())
        if number in _given:
            continue
        with socket.socket(socket.AF_INET, kind) as sock:
            try:
                sock.bind(("127.0.0.1", number))
            except OSError:
                continue
        _given.add(number)
        return number
    raise AssertionError("unreachable")
