"""The demo's own snmpd: SNMPv3 only, on loopback, its files in one folder."""

import os
import shutil
import subprocess
from pathlib import Path

from scudo_agent.errors import ScudoError

HOST = "127.0.0.1"
USER = "demo"


def find() -> str:
    """Path of the program; `ScudoError` with the command that installs it."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    program = shutil.which("snmpd", path=path)
    if program is None:
        raise ScudoError(
            "the demo needs snmpd: apt-get install --no-install-recommends snmpd"
        )
    return program


def version(program: str) -> str:
    """Major and minor number, such as 5.9; a question mark when it tells none."""
    done = subprocess.run(
        [program, "-v"], capture_output=True, text=True, timeout=10, check=False
    )
    for word in done.stdout.split():
        if word[:1].isdigit():
            return ".".join(word.split(".")[:2])
    return "?"


def configure(run: Path, *, port: int, secrets: Path) -> list[str]:
    """Write the configuration; return the command's arguments.

    Keys are read from `snmp-auth` and `snmp-priv` in `secrets`.
    """
    auth, priv = (
        (secrets / name).read_text(encoding="ascii").strip()
        for name in ("snmp-auth", "snmp-priv")
    )
    (run / "snmpd").mkdir(parents=True, exist_ok=True)
    conf = run / "snmpd.conf"
    conf.touch(mode=0o600)
    conf.write_text(
        f"agentaddress udp:{HOST}:{port}\n"
        f"createUser {USER} SHA-256 {auth} AES {priv}\n"
        f"rouser {USER} priv\n"
        "sysLocation demo\n",
        encoding="ascii",
    )
    # -I -smux: else it also listens on 0.0.0.0:199. -C -c: no other configuration.
    return [
        "-f",
        "-LF",
        "4",
        str(run / "snmpd.log"),
        "-I",
        "-smux",
        "-C",
        "-c",
        str(conf),
    ]


def environment(run: Path) -> dict[str, str]:
    """Keep its state out of the system's folders and load no MIB files."""
    return {
        **os.environ,
        "SNMP_PERSISTENT_DIR": str((run / "snmpd").absolute()),
        "SNMPCONFPATH": str(run.absolute()),
        "MIBS": "",
    }


def listens(port: int, *, table: Path = Path("/proc/net/udp")) -> bool:
    """Whether any process has bound the UDP port on loopback.

    The kernel's table, not a trial bind of our own: that could take the port
    from it in the very moment in which it starts.
    """
    wanted = f"0100007F:{port:04X}"
    try:
        lines = table.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return False
    return any(line.split()[1] == wanted for line in lines)
