"""The cage of a browser: `python -m scudo_agent.agent.cage`, a process of its own.

It leaves the network, for a namespace in which there is nothing but a loopback of
its own; listens there, hands the listening sockets to the agent, who relays what
comes to the one address that may be seen; gives up its rights, and starts the
browser as the first process of a namespace that ends with it, whatever it left
behind. No flag of a browser can promise what the kernel does: WebRTC reaches
addresses that the browser's own rules forbid.
"""

import ctypes
import fcntl
import os
import resource
import signal
import socket
import struct
import sys
from pathlib import Path

WORD = "cage:"
"""Begins the line that says why there is no cage."""

PORT = "@PORT{}@"
"""Stands in the command for the port of the n-th listening socket."""

_CLONE_NEWUSER, _CLONE_NEWPID, _CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
_PR_SET_PDEATHSIG = 1
_SIOCGIFFLAGS, _SIOCSIFFLAGS = 0x8913, 0x8914
_IFF_UP = 1
_MIB = 1 << 20
_LIMITS = (
    (resource.RLIMIT_CORE, 0),
    (resource.RLIMIT_FSIZE, 32 * _MIB),
    (resource.RLIMIT_CPU, 30),
    (resource.RLIMIT_NOFILE, 4096),
)
_libc = ctypes.CDLL(None, use_errno=True)


def main(argv: list[str]) -> int:
    """`SOCKET SOCKETS PARENT UID GID COMMAND…`; the browser's exit code."""
    handle, sockets, parent, uid, gid = map(int, argv[:5])
    try:
        _leave_the_network()
        with socket.socket(fileno=handle) as agent:
            command = _listen(argv[5:], sockets, agent)
        for limit, value in _LIMITS:
            most = resource.getrlimit(limit)[1]
            value = value if most == resource.RLIM_INFINITY else min(value, most)
            resource.setrlimit(limit, (value, value))
        Path("/proc/self/oom_score_adj").write_bytes(b"900")
        os.nice(10)
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
        # After the change of user, which makes the kernel forget it.
        _die_with(parent)
        if (child := os.fork()) != 0:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        _die_with(None)
        os.execv(command[0], command)  # noqa: S606 - it becomes the browser
    except OSError as exc:
        sys.stderr.write(f"{WORD} {exc.strerror or exc}\n")
    return 1


def _die_with(parent: int | None) -> None:
    """Let the kernel kill us when our parent ends; at once if it has ended.

    None: a parent outside of our own process ids, where it is seen as 0.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != (parent or 0):
        os.kill(os.getpid(), signal.SIGKILL)


def _leave_the_network() -> None:
    uid, gid = os.geteuid(), os.getegid()
    spaces = _CLONE_NEWNET | _CLONE_NEWPID | (0 if uid == 0 else _CLONE_NEWUSER)
    if _libc.unshare(spaces) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"no network of its own: {os.strerror(number)}")
    if spaces & _CLONE_NEWUSER:
        Path("/proc/self/setgroups").write_bytes(b"deny")
        Path("/proc/self/uid_map").write_bytes(b"%d %d 1" % (uid, uid))
        Path("/proc/self/gid_map").write_bytes(b"%d %d 1" % (gid, gid))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh22x", b"lo", 0)
        answer = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request)
        (flags,) = struct.unpack_from("16xh", answer)
        up = struct.pack("16sh22x", b"lo", flags | _IFF_UP)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, up)


def _listen(command: list[str], sockets: int, agent: socket.socket) -> list[str]:
    """Listen, and hand over; the command with the ports in their places."""
    listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(sockets)]
    for place, one in enumerate(listening):
        mark, port = PORT.format(place), str(one.getsockname()[1])
        command = [word.replace(mark, port) for word in command]
    socket.send_fds(agent, [b"!"], [one.fileno() for one in listening])
    for one in listening:
        one.close()
    return command


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
