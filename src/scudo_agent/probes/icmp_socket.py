"""One ICMP socket for all targets of one address family.

Raw where the agent may (`CAP_NET_RAW`), else datagram
(`net.ipv4.ping_group_range`). Filters in the kernel keep foreign packets out,
the kernel's time stamp keeps our own queueing out of the round-trip time, and a
large receive buffer keeps replies to a burst from being lost, which would look
like loss on the network (`performance.md`).
"""

import ctypes
import secrets
import socket
import struct
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from icmplib import ICMPv4Socket, ICMPv6Socket
from icmplib.exceptions import ICMPSocketError, SocketPermissionError

from scudo_agent.clock import Clock
from scudo_agent.probes import icmp_words
from scudo_agent.probes.connect import Resolved, words
from scudo_agent.text import T, Text

_RECEIVE_BUFFER = 8 << 20
_SO_RCVBUFFORCE = 33
_SO_ATTACH_FILTER = 26
_SO_TIMESTAMPNS = 35
_SOL_RAW = 255
_ICMP_FILTER = 1
_ICMP6_FILTER = 1
_RECVERR = {socket.AF_INET: (0, 11), socket.AF_INET6: (41, 25)}
_NO_STAMP = 1 << 62
_PACKET = 2048
_ANCILLARY = 128

_HEADER = struct.Struct("!BBHHH")
_CHANGING = struct.Struct("!HHH")  # checksum, identifier, sequence
_SEQUENCE = struct.Struct("!H")
_TIMESPEC = struct.Struct("@ll")
_EXTENDED_ERROR = struct.Struct("@IBBBBII")

_REPLY = {socket.AF_INET: 0, socket.AF_INET6: 129}
_REQUEST = {socket.AF_INET: 8, socket.AF_INET6: 128}
_ERRORS = {socket.AF_INET: (3, 11, 12), socket.AF_INET6: (1, 2, 3, 4)}

RAW = "raw socket"
DATAGRAM = "datagram socket"


class EchoUnavailableError(Exception):
    """No ICMP socket of this family can be had; `seen` says why."""

    def __init__(self, seen: Text) -> None:
        super().__init__(seen.id)
        self.seen = seen


class EchoSocket:
    """Sends echo requests and gives each reply or error to whom it belongs.

    `on_reply(owner, rtt_us)` and `on_error(owner, words)` are called from
    `drain`, at most once for each request.
    """

    def __init__(
        self,
        family: socket.AddressFamily,
        *,
        clock: Clock,
        on_reply: Callable[[Any, int], None],
        on_error: Callable[[Any, Text], None],
    ) -> None:
        self.family = family
        self._clock = clock
        self._monotonic_us = clock.monotonic_us
        self._on_reply = on_reply
        self._on_error = on_error
        self._icmp, self.kind = _open(family)
        self._sock: socket.socket = self._icmp.sock
        self._sendto = self._sock.sendto
        self._sequence = secrets.randbelow(0x10000)
        self._waiting: dict[int, tuple[Any, int, str]] = {}
        self._id = secrets.randbelow(0x10000)
        self._token = secrets.token_bytes(8)
        self._packet, self._sum = self._prepare()
        self._reply_type = _REPLY[family]
        # Only raw IPv4 sockets are given the IP header.
        self._has_header = self.kind == RAW and family == socket.AF_INET
        self._set_up()

    def fileno(self) -> int:
        """The descriptor, for the event loop."""
        return self._sock.fileno()

    def close(self) -> None:
        """Close the socket; what is waited for is forgotten."""
        self._waiting.clear()
        self._icmp.close()

    def send(self, ip: str, sockaddr: tuple[Any, ...], owner: Any) -> int:
        """Send one echo request to `ip` and return its sequence number.

        Raises `BlockingIOError` when the machine's send buffer is full, and
        `OSError` when there is no way to the address.
        """
        sequence = (self._sequence + 1) & 0xFFFF
        if sequence in self._waiting:
            sequence = self._free(sequence)
        self._sequence = sequence
        total = self._sum + sequence
        total = (total & 0xFFFF) + (total >> 16)
        # The kernel overwrites the checksum of IPv6 and of datagram sockets.
        checksum = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
        packet = self._packet
        _CHANGING.pack_into(packet, 2, checksum, self._id, sequence)
        self._waiting[sequence] = (owner, self._monotonic_us(), ip)
        try:
            self._sendto(packet, sockaddr)
        except BlockingIOError:
            del self._waiting[sequence]
            raise
        except OSError:
            if self.kind == RAW or not self._send_again(packet, sockaddr):
                del self._waiting[sequence]
                raise
        return sequence

    def forget(self, sequence: int, owner: Any) -> None:
        """Stop waiting for the reply to a request of `owner`."""
        waiting = self._waiting.get(sequence)
        if waiting is not None and waiting[0] is owner:
            del self._waiting[sequence]

    def drain(self) -> None:
        """Take every packet that has come, and every error."""
        monotonic_us, recvmsg = self._monotonic_us, self._sock.recvmsg
        read_at = monotonic_us()
        offset = self._clock.wall() - read_at
        while True:
            try:
                data, extra, _flags, source = recvmsg(_PACKET, _ANCILLARY)
            except BlockingIOError:
                break
            except OSError:  # a datagram socket's: its queue tells whose
                if self._drain_errors():
                    continue
                break
            start = (data[0] & 15) * 4 if self._has_header and data else 0
            if len(data) < start + 8:
                continue
            if data[start] != self._reply_type:
                self._take_error(data, start, source[0])
                continue
            sequence = _SEQUENCE.unpack_from(data, start + 6)[0]
            waiting = self._waiting.get(sequence)
            if (
                waiting is None
                or waiting[2] != source[0]
                or data[start + 8 : start + 16] != self._token
            ):
                continue
            del self._waiting[sequence]
            owner, sent_at, _ip = waiting
            at = _stamp_us(extra) - offset
            if not sent_at <= at <= read_at:  # came meanwhile, or the clock was set
                at = min(max(at, sent_at), monotonic_us())
            self._on_reply(owner, at - sent_at)
        if self.kind == DATAGRAM:
            self._drain_errors()

    def _free(self, sequence: int) -> int:
        """The next sequence number that waits for nothing.

        With all 65,536 in flight the oldest reply is given up.
        """
        if len(self._waiting) < 0x10000:
            while sequence in self._waiting:
                sequence = (sequence + 1) & 0xFFFF
        return sequence

    def _send_again(self, packet: bytearray, sockaddr: tuple[Any, ...]) -> bool:
        """Send what could not leave because another target's error was pending.

        A shared datagram socket hands the error of one target's packet to
        whoever sends next. False when it was this packet's own after all.
        """
        while self._drain_errors():
            try:
                self._sendto(packet, sockaddr)
            except BlockingIOError:
                return False
            except OSError:
                continue
            return True
        return False

    def _take_error(self, data: bytes, start: int, router: str) -> None:
        """An ICMP error on a raw socket: it quotes the packet that we sent."""
        kind, code = data[start], data[start + 1]
        quoted = start + 8
        if kind not in _ERRORS[self.family] or len(data) < quoted + 40:
            return
        if self.family == socket.AF_INET:
            echo = quoted + (data[quoted] & 15) * 4
            destination, protocol = data[quoted + 16 : quoted + 20], data[quoted + 9]
        else:
            echo = quoted + 40
            destination, protocol = data[quoted + 24 : quoted + 40], data[quoted + 6]
        if len(data) < echo + 8 or protocol != self._sock.proto:
            return
        request, _code, _sum, identity, sequence = _HEADER.unpack_from(data, echo)
        if request != _REQUEST[self.family] or identity != self._id:
            return
        ip = socket.inet_ntop(self.family, destination)
        seen = icmp_words.of_error(self.family, kind, code, router)
        self._give_error(sequence, ip, seen)

    def _drain_errors(self) -> bool:
        """Take a datagram socket's error queue; whether there was anything."""
        some = False
        while True:
            try:
                data, extra, _flags, source = self._sock.recvmsg(
                    _PACKET, 512, socket.MSG_ERRQUEUE
                )
            except OSError:
                return some
            some = True
            for level, kind, value in extra:
                if (level, kind) == _RECVERR[self.family] and len(data) >= 8:
                    self._take_queued(data, value, source[0])

    def _take_queued(self, data: bytes, value: bytes, ip: str) -> None:
        """One entry of the error queue; a redirect, say, is no error."""
        number, origin, kind, code, _pad, _info, _data = _EXTENDED_ERROR.unpack_from(
            value
        )
        at, size = (20, 4) if self.family == socket.AF_INET else (24, 16)
        router = value[at : at + size]
        if origin not in (2, 3) or len(router) < size:
            seen = words(OSError(number, ""), ip)
        elif kind in _ERRORS[self.family]:
            router_ip = socket.inet_ntop(self.family, router)
            seen = icmp_words.of_error(self.family, kind, code, router_ip)
        else:
            return
        self._give_error(_SEQUENCE.unpack_from(data, 6)[0], ip, seen)

    def _give_error(self, sequence: int, ip: str, seen: Text) -> None:
        waiting = self._waiting.get(sequence)
        if waiting is None or waiting[2] != ip:
            return
        del self._waiting[sequence]
        self._on_error(waiting[0], seen)

    def _prepare(self) -> tuple[bytearray, int]:
        """The packet of every request, and its checksum's sum without sequence.

        The token tells our replies from forged ones: an attacker off the path
        would have to guess it.
        """
        payload = self._token + b"scudo-agent echo".ljust(48, b".")
        # icmplib has no public way to build a packet without sending it.
        packet = bytearray(self._icmp._create_packet(self._id, 0, payload))
        packet[2:4] = b"\0\0"
        return packet, sum(struct.unpack(f"!{len(packet) // 2}H", packet))

    def _set_up(self) -> None:
        sock = self._sock
        sock.setblocking(False)
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        except PermissionError:  # needs CAP_NET_ADMIN; else as much as is allowed
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        if self.kind == DATAGRAM:  # the kernel demultiplexes and keeps errors apart
            level, option = _RECVERR[self.family]
            sock.setsockopt(level, option, 1)
            return
        wanted = (_REPLY[self.family], *_ERRORS[self.family])
        if self.family == socket.AF_INET:
            mask = 0xFFFFFFFF & ~sum(1 << kind for kind in wanted)
            sock.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("@I", mask))
            _attach(sock, _filter_v4(self._id))
        else:
            blocked = (1 << 256) - 1 - sum(1 << kind for kind in wanted)
            mask6 = struct.pack(
                "@8I", *(blocked >> shift & 0xFFFFFFFF for shift in range(0, 256, 32))
            )
            sock.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, mask6)
            _attach(sock, _filter_v6(self._id))


def _open(family: socket.AddressFamily) -> tuple[Any, str]:
    """The best socket that is allowed, with its kind."""
    factory = ICMPv4Socket if family == socket.AF_INET else ICMPv6Socket
    for privileged, kind in ((True, RAW), (False, DATAGRAM)):
        try:
            return factory(privileged=privileged), kind
        except SocketPermissionError:
            continue
        except ICMPSocketError as exc:
            raise EchoUnavailableError(
                T("the agent cannot open an ICMP socket: {error}", error=str(exc))
            ) from None
    raise EchoUnavailableError(
        T(
            "neither raw nor datagram ICMP sockets are allowed: "
            "give CAP_NET_RAW or set net.ipv4.ping_group_range"
        )
    )


@lru_cache(maxsize=65536)
def place(to: Resolved) -> tuple[str, tuple[Any, ...]]:
    """The address as the kernel spells it in a packet's source, and to send to."""
    ip = to.ip
    if to.family == socket.AF_INET6:
        ip = socket.inet_ntop(to.family, ip_address(ip).packed)
    return ip, to.sockaddr(0)


def _stamp_us(extra: list[tuple[int, int, bytes]]) -> int:
    """The kernel's time stamp of a packet in wall-clock microseconds.

    Without one it is far ahead, and the time at which we read it is taken.
    """
    for level, kind, value in extra:
        if kind == _SO_TIMESTAMPNS and level == socket.SOL_SOCKET and len(value) >= 16:
            seconds, nanoseconds = _TIMESPEC.unpack_from(value)
            return int(seconds * 1_000_000 + nanoseconds // 1_000)
    return _NO_STAMP


_LOAD_BYTE, _LOAD_HALF = 0x50, 0x48  # into A, at X + k
_HEADER_LENGTH = 0xB1  # X = 4 * (byte at k & 15)
_ABSOLUTE_BYTE, _ABSOLUTE_HALF = 0x30, 0x28
_EQUAL, _AND, _SHIFT, _ADD_X, _A_TO_X, _RETURN = 0x15, 0x54, 0x64, 0x0C, 0x07, 0x06


def _filter_v4(identity: int) -> list[tuple[int, int, int, int]]:
    """Classic BPF: replies with our identifier, and errors that quote it."""
    return [
        (_HEADER_LENGTH, 0, 0, 0),
        (_LOAD_BYTE, 0, 0, 0),
        (_EQUAL, 0, 2, 0),
        (_LOAD_HALF, 0, 0, 4),
        (_EQUAL, 7, 8, identity),
        (_LOAD_BYTE, 0, 0, 8),
        (_AND, 0, 0, 15),
        (_SHIFT, 0, 0, 2),
        (_ADD_X, 0, 0, 0),
        (_A_TO_X, 0, 0, 0),
        (_LOAD_HALF, 0, 0, 12),
        (_EQUAL, 0, 1, identity),
        (_RETURN, 0, 0, 0xFFFF),
        (_RETURN, 0, 0, 0),
    ]


def _filter_v6(identity: int) -> list[tuple[int, int, int, int]]:
    """The same for ICMPv6, where the socket sees no IP header."""
    return [
        (_ABSOLUTE_BYTE, 0, 0, 0),
        (_EQUAL, 0, 2, 129),
        (_ABSOLUTE_HALF, 0, 0, 4),
        (_EQUAL, 2, 3, identity),
        (_ABSOLUTE_HALF, 0, 0, 8 + 40 + 4),
        (_EQUAL, 0, 1, identity),
        (_RETURN, 0, 0, 0xFFFF),
        (_RETURN, 0, 0, 0),
    ]


def _attach(sock: socket.socket, program: list[tuple[int, int, int, int]]) -> None:
    code = b"".join(struct.pack("@HBBI", *step) for step in program)
    memory = ctypes.create_string_buffer(code)
    sock.setsockopt(
        socket.SOL_SOCKET,
        _SO_ATTACH_FILTER,
        struct.pack("@HP", len(program), ctypes.addressof(memory)),
    )
