"""Network namespaces of the test's own: routes that fail, hosts that are silent.

Needs root and iproute2. A namespace is entered by one thread, in which the test
runs an event loop of its own.
"""

import ctypes
import os
import secrets
import struct
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TypeVar

_CLONE_NEWNET = 0x40000000
_CAP_NET_RAW = 13

_R = TypeVar("_R")


class Namespace:
    """One network namespace, with loopback up."""

    def __init__(self, name: str) -> None:
        self.name = name

    def ip(self, words: str) -> None:
        """Run `ip WORDS` inside."""
        _run("ip", "-n", self.name, *words.split())

    def execute(self, words: str) -> None:
        """Run a command inside."""
        _run("ip", "netns", "exec", self.name, *words.split())

    def call(self, function: Callable[[], _R]) -> _R:
        """Call `function` in a thread inside, and return what it returns."""

        def enter() -> None:
            libc = ctypes.CDLL(None, use_errno=True)
            handle = os.open(Path("/run/netns") / self.name, os.O_RDONLY)
            try:
                if libc.setns(handle, _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            finally:
                os.close(handle)

        with ThreadPoolExecutor(1, initializer=enter) as pool:
            return pool.submit(function).result()


def _run(*arguments: str) -> None:
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(arguments)}: {done.stderr}"


def drop_net_raw() -> None:
    """Take CAP_NET_RAW from the calling thread, for good."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = struct.pack("@Ii", 0x20080522, 0)
    sets = ctypes.create_string_buffer(24)
    assert libc.capget(header, sets) == 0
    words = list(struct.unpack("@6I", sets.raw))
    for index in (0, 1, 2):  # effective, permitted, inheritable, lower half
        words[index] &= ~(1 << _CAP_NET_RAW)
    assert libc.capset(header, struct.pack("@6I", *words)) == 0


def set_sysctl(name: str, value: str) -> None:
    """Set a value of the namespace that the calling thread is in."""
    Path("/proc/sys", *name.split(".")).write_text(value, encoding="ascii")


@contextmanager
def namespace() -> Iterator[Namespace]:
    """A fresh namespace, gone afterwards."""
    name = f"scudo-{secrets.token_hex(4)}"
    _run("ip", "netns", "add", name)
    try:
        inside = Namespace(name)
        inside.ip("link set lo up")
        # No waiting for duplicates of an IPv6 address before it can be used.
        for which in ("all", "default"):
            inside.execute(f"sysctl -qw net.ipv6.conf.{which}.accept_dad=0")
        yield inside
    finally:
        _run("ip", "netns", "del", name)


def _await_link(one: Namespace, device: str) -> None:
    """Until the kernel has given the device its link-local address."""
    until = monotonic() + 10
    command = ["ip", "-n", one.name, "-6", "address", "show", "dev", device]
    while monotonic() < until:
        shown = subprocess.run(command, capture_output=True, text=True, check=True)
        if " fe80:" in shown.stdout and "tentative" not in shown.stdout:
            return
    raise AssertionError(f"{device} has no link-local address")


@contextmanager
def linked() -> Iterator[tuple[Namespace, Namespace]]:
    """An agent's namespace and a router's, joined by a cable.

    The agent is 198.51.100.2 and 2001:db8:1::2; the router is .1 and ::1 and
    the agent's default route.
    """
    with namespace() as agent, namespace() as router:
        agent.ip(f"link add wan0 type veth peer name lan0 netns {router.name}")
        ends = ((agent, "wan0", 2), (router, "lan0", 1))
        for one, device, number in ends:
            one.ip(f"address add 198.51.100.{number}/24 dev {device}")
            one.ip(f"address add 2001:db8:1::{number}/64 dev {device} nodad")
            one.ip(f"link set {device} up")
        for one, device, _number in ends:
            _await_link(one, device)
        agent.ip("route add default via 198.51.100.1")
        agent.ip("route add default via 2001:db8:1::1")
        router.execute("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.icmp_ratelimit=0")
        router.execute("sysctl -qw net.ipv6.conf.all.forwarding=1")
        router.execute("sysctl -qw net.ipv6.icmp.ratelimit=0")
        yield agent, router
