"""What an ICMP error means, in words."""

import socket

from icmplib import ICMPReply
from icmplib.exceptions import DestinationUnreachable, ICMPError, TimeExceeded

from scudo_agent.text import T, Text

_HOST = {socket.AF_INET: (1, 7), socket.AF_INET6: (3,)}
_NETWORK = {socket.AF_INET: (0, 6), socket.AF_INET6: (0,)}
_PROHIBITED = {socket.AF_INET: (9, 10, 13), socket.AF_INET6: (1, 5, 6)}


def of_error(family: socket.AddressFamily, kind: int, code: int, router: str) -> Text:
    """The words of an ICMP error of that type and code, which `router` sent."""
    try:
        _reply(family, kind, code, router).raise_for_status()
    except DestinationUnreachable as exc:
        return _unreachable(family, code, router, str(exc))
    except TimeExceeded:
        return T("too many hops (TTL exceeded), says {router}", router=router)
    except ICMPError:
        return T(
            "ICMP error of type {kind} and code {code}, says {router}",
            kind=kind,
            code=code,
            router=router,
        )
    return T("no reply")


def _reply(
    family: socket.AddressFamily, kind: int, code: int, router: str
) -> ICMPReply:
    return ICMPReply(
        source=router,
        family=6 if family == socket.AF_INET6 else 4,
        id=0,
        sequence=0,
        type=kind,
        code=code,
        bytes_received=0,
        time=0.0,
    )


def _unreachable(
    family: socket.AddressFamily, code: int, router: str, name: str
) -> Text:
    if code in _HOST[family]:
        return T("host unreachable, says {router}", router=router)
    if code in _NETWORK[family]:
        return T("network unreachable, says {router}", router=router)
    if code in _PROHIBITED[family]:
        return T("prohibited by a filter, says {router}", router=router)
    return T("unreachable ({name}), says {router}", name=name, router=router)
