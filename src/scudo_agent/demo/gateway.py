"""Which gateway the demo watches: this machine's own, if it answers an echo."""

import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

STAND_IN = "127.0.0.1"
_UP_AND_GATEWAY = 0x3
_LOOPBACK = "lo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """The address that the site file gets; `reason` says why it is a stand-in."""

    address: str
    reason: str | None = None

    def words(self) -> str:
        """As the screen says it."""
        if self.reason is None:
            return f"gateway {self.address}"
        return f"gateway {self.address} (stand-in: {self.reason})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A default route of IPv4: next hop and interface."""

    address: str
    interface: str


def default_route(table: Path = Path("/proc/net/route")) -> Route | None:
    """The default route with the smallest metric; None without one."""
    try:
        lines = table.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return None
    found: list[tuple[int, Route]] = []
    for fields in map(str.split, lines):
        if len(fields) < 8 or fields[1] != "00000000" or fields[7] != "00000000":
            continue
        if int(fields[3], 16) & _UP_AND_GATEWAY != _UP_AND_GATEWAY:
            continue
        # The kernel prints the address as a number in the machine's byte order.
        address = socket.inet_ntoa(struct.pack("=I", int(fields[2], 16)))
        found.append((int(fields[6]), Route(address=address, interface=fields[0])))
    return min(found, key=lambda entry: entry[0])[1] if found else None


def answers(address: str) -> bool | None:
    """Whether one ICMP echo comes back within a second; None: may not ask."""
    from icmplib import ICMPLibError, SocketPermissionError, ping

    for privileged in (True, False):
        try:
            host = ping(address, count=1, timeout=1, privileged=privileged)
        except SocketPermissionError:
            continue
        except (ICMPLibError, OSError):
            return False
        return bool(host.is_alive)
    return None


def choose(
    wanted: str | None,
    *,
    route: Callable[[], Route | None] = default_route,
    ask: Callable[[str], bool | None] = answers,
) -> Gateway:
    """The gateway to watch.

    `wanted` is an address, which is taken as it is, `stand-in`, or None: then
    the default route's next hop is asked with one echo.
    """
    if wanted == "stand-in":
        return Gateway(address=STAND_IN, reason="as asked for")
    if wanted is not None:
        return Gateway(address=wanted)
    found = route()
    if found is None:
        return Gateway(address=STAND_IN, reason="this machine has no default route")
    answered = ask(found.address)
    if answered is None:
        return Gateway(address=STAND_IN, reason="this user may not send ICMP")
    if not answered:
        return Gateway(address=STAND_IN, reason=f"{found.address} did not answer")
    return Gateway(address=found.address)


def uplink_index(
    route: Route | None, *, interfaces: Path = Path("/sys/class/net")
) -> int:
    """SNMP's number of an interface that is up: the default route's, else lo."""
    for name in (route.interface if route else _LOOPBACK, _LOOPBACK):
        folder = interfaces / name
        try:
            index = int((folder / "ifindex").read_text(encoding="ascii"))
            state = (folder / "operstate").read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            continue
        if state == "up" or name == _LOOPBACK:
            return index
    return 1
