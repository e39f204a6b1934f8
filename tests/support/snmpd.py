"""A real snmpd on loopback, with users of every kind and made-up values."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gufo.snmp.sync import SnmpSession

from scudo_agent.config.secret import Secret
from scudo_agent.config.site import SnmpCredential
from support.ports import free_port

COMMUNITY = "lettura-7f"
AUTH_KEY = "auth-chiave-123"
PRIV_KEY = "priv-chiave-456"

CONF = f"""
agentaddress {{listen}}
rocommunity {COMMUNITY} 127.0.0.0/8
rocommunity6 {COMMUNITY} ::1
createUser monitor SHA-256 {AUTH_KEY} AES {PRIV_KEY}
createUser u224 SHA-224 {AUTH_KEY} AES256 {PRIV_KEY}
createUser u384 SHA-384 {AUTH_KEY} AES192 {PRIV_KEY}
createUser u512 SHA-512 {AUTH_KEY} AES256 {PRIV_KEY}
createUser old SHA {AUTH_KEY} AES {PRIV_KEY}
createUser older MD5 {AUTH_KEY}
createUser plain SHA-256 {AUTH_KEY}
rouser monitor authPriv
rouser u224 authPriv
rouser u384 authPriv
rouser u512 authPriv
rouser old authPriv
rouser older authNoPriv
rouser plain authNoPriv
sysName switch.example
sysLocation "sala macchine"
extend text /bin/echo warm
extend number /bin/echo 42.5
override .1.3.6.1.2.1.2.2.1.8.1 integer 2
override .1.3.6.1.2.1.2.2.1.8.2 integer 1
override .1.3.6.1.4.1.2021.4.6.0 integer 17
override .1.3.6.1.4.1.99999.1.0 octet_str 0x001b2c3d4eff
override .1.3.6.1.4.1.99999.2.0 octet_str "line one\x1b[31m red"
"""


@contextmanager
def running_snmpd(
    folder: Path, *, port: int = 0, more: str = "", others: Sequence[str] = ()
) -> Iterator[int]:
    """Start snmpd with its state in `folder`; yields the port (IPv4 and IPv6).

    `others` are addresses of 127.0.0.0/8 that it listens at as well.
    `-I -smux` keeps it from listening on 0.0.0.0:199 as well, and
    `SNMP_PERSISTENT_DIR` its state out of the system.
    """
    port = port or free_port(udp=True)
    folder.mkdir(exist_ok=True)
    listen = [f"udp:{ip}:{port}" for ip in ("127.0.0.1", *others)]
    if socket.has_ipv6:
        listen.append(f"udp6:[::1]:{port}")
    conf = folder / "snmpd.conf"
    conf.write_text(CONF.format(listen=",".join(listen)) + more)
    with (folder / "log").open("ab") as log:
        command = ["snmpd", "-f", "-LE", "4", "-I", "-smux", "-C", "-c", str(conf)]
        agent = subprocess.Popen(
            [*command, "-p", str(folder / "pid")],
            env={
                **os.environ,
                "SNMP_PERSISTENT_DIR": str(folder / "state"),
                "MIBS": "",
                "PATH": os.environ["PATH"] + ":/usr/sbin",
            },
            stdout=log,
            stderr=log,
        )
    try:
        _wait_for(port, agent, folder / "log")
        yield port
    finally:
        agent.terminate()
        agent.wait(timeout=10)


def _wait_for(port: int, agent: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + 15
    while time.monotonic() < until and agent.poll() is None:
        try:
            session = SnmpSession("127.0.0.1", port, COMMUNITY, timeout=0.3)
            session.get("1.3.6.1.2.1.1.3.0")
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"snmpd does not answer: {log.read_text()[-2000:]}")


def secret(value: str) -> Secret:
    """A secret as the configuration would have read it."""
    return Secret(value, reference="env:TEST")


def v2c(community: str = COMMUNITY) -> SnmpCredential:
    """SNMP v2c with a community."""
    return SnmpCredential(version=2, community=secret(community))


def v1(community: str = COMMUNITY) -> SnmpCredential:
    """SNMP v1 with a community."""
    return SnmpCredential(version=1, community=secret(community))


def v3(
    user: str = "monitor",
    *,
    auth: str | None = "sha256",
    priv: str | None = "aes128",
    auth_key: str = AUTH_KEY,
    priv_key: str = PRIV_KEY,
) -> SnmpCredential:
    """SNMP v3, by default the user that snmpd knows as authPriv."""
    return SnmpCredential(
        version=3,
        user=user,
        auth=auth,
        auth_key=secret(auth_key) if auth else None,
        priv=priv,
        priv_key=secret(priv_key) if priv else None,
    )
