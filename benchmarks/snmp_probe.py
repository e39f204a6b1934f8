"""CPU of the `snmp` engine against snmp_exporter, snmpget and pysnmp.

    python benchmarks/snmp_probe.py [ROUNDS]

Each asks a real snmpd on loopback for 8 values of a device by one request, the
engine by 8 checks that are due together, at 100 addresses of 127.0.0.0/8 that
stand for devices. The figure is CPU time (user and system) of the asking
process alone for each device; the medians of three measurements and their
ratios are printed, and SNMPv3 (authPriv, SHA-256, AES-128) against v2c.
"""

import asyncio
import json
import os
import platform
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support.snmpd import COMMUNITY, running_snmpd, v2c, v3

DEVICES = [f"127.1.0.{n + 1}" for n in range(100)]
AT_ONCE = 20
"""Devices whose checks are due in the same tick."""

OIDS = [
    "1.3.6.1.2.1.1.3.0",
    "1.3.6.1.2.1.2.1.0",
    "1.3.6.1.2.1.2.2.1.8.1",
    "1.3.6.1.2.1.2.2.1.8.2",
    "1.3.6.1.4.1.2021.4.6.0",
    "1.3.6.1.2.1.11.1.0",
    "1.3.6.1.2.1.11.30.0",
    "1.3.6.1.2.1.11.32.0",
]


async def _engine(port: int, version: int, rounds: int) -> None:
    from scudo_agent.model import Outcome
    from scudo_agent.probes.port import Job
    from scudo_agent.probes.snmp import SnmpEngine, SnmpSettings

    credential = v2c() if version == 2 else v3()
    settings = [SnmpSettings(get=oid, port=port) for oid in OIDS]
    done = asyncio.Event()
    answered = waiting = 0

    def report(_check: str, outcome: Outcome) -> None:
        nonlocal answered, waiting
        answered += outcome.answered is True
        waiting -= 1
        if not waiting:
            done.set()

    ticks = [
        [
            Job(
                check=f"{device}/{one.get}",
                settings=one,
                address=device,
                timeout_s=5,
                credential=credential,
            )
            for device in DEVICES[at : at + AT_ONCE]
            for one in settings
        ]
        for at in range(0, len(DEVICES), AT_ONCE)
    ]

    async def all_devices() -> None:
        nonlocal waiting
        for jobs in ticks:
            waiting = len(jobs)
            done.clear()
            engine.submit(jobs)
            await done.wait()

    engine = SnmpEngine()
    await engine.start(report)
    await all_devices()
    before, answered = _cpu_s(resource.RUSAGE_SELF), 0
    for _ in range(rounds):
        await all_devices()
    used = _cpu_s(resource.RUSAGE_SELF) - before
    await engine.close()
    us = used / rounds / len(DEVICES) * 1e6
    print(json.dumps({"us": us, "lost": rounds * 8 * len(DEVICES) - answered}))


async def _pysnmp(port: int) -> None:
    from pysnmp.hlapi.v3arch import asyncio as hlapi

    engine = hlapi.SnmpEngine()
    targets = [
        await hlapi.UdpTransportTarget.create((device, port), timeout=5, retries=0)
        for device in DEVICES[:AT_ONCE]
    ]

    async def ask(target: Any) -> None:
        indication, _, _, values = await hlapi.get_cmd(
            engine,
            hlapi.CommunityData(COMMUNITY),
            target,
            hlapi.ContextData(),
            *(hlapi.ObjectType(hlapi.ObjectIdentity(oid)) for oid in OIDS),
            lookupMib=False,
        )
        assert indication is None, indication
        assert len(values) == len(OIDS)

    for target in targets:  # the first time a target is known costs more
        await ask(target)
    before = _cpu_s(resource.RUSAGE_SELF)
    for _ in range(10):
        for target in targets:
            await ask(target)
    used = _cpu_s(resource.RUSAGE_SELF) - before
    engine.close_dispatcher()
    print(json.dumps({"us": used / 10 / len(targets) * 1e6, "lost": 0}))


def _cpu_s(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def child(*arguments: str) -> float:
    """µs a device of this script's other roles."""
    command = [sys.executable, __file__, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result = json.loads(done.stdout)
    assert result["lost"] == 0, f"lost answers: {result}"
    return float(result["us"])


def snmpget(port: int, times: int = 50) -> float:
    """µs of one run of snmpget, as a plugin is run."""
    to = f"127.0.0.1:{port}"
    command = ["snmpget", "-v2c", "-c", COMMUNITY, "-On", to, *OIDS]
    before = _cpu_s(resource.RUSAGE_CHILDREN)
    for _ in range(times):
        subprocess.run(command, check=True, capture_output=True)
    return (_cpu_s(resource.RUSAGE_CHILDREN) - before) / times * 1e6


@contextmanager
def exporter() -> Iterator[tuple[int, str] | None]:
    """A snmp_exporter (its process id and URL), None if not installed."""
    program = shutil.which("prometheus-snmp-exporter")
    if program is None:
        yield None
        return
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    metrics = "".join(
        f"  - {{name: value{n}, oid: {oid}, type: gauge, help: value}}\n"
        for n, oid in enumerate(OIDS)
    )
    gets = ", ".join(OIDS)
    with TemporaryDirectory() as folder:
        config = Path(folder, "snmp.yml")
        config.write_text(
            f"eight:\n  version: 2\n  auth: {{community: {COMMUNITY}}}\n"
            f"  get: [{gets}]\n  metrics:\n{metrics}",
            encoding="ascii",
        )
        peer = subprocess.Popen(
            [program, f"--config.file={config}", f"--web.listen-address={address}"],
            stderr=subprocess.DEVNULL,
        )
        try:
            yield peer.pid, f"http://{address}/snmp?module=eight&target="
        finally:
            peer.terminate()
            peer.wait()


def exported(peer: tuple[int, str], port: int) -> float:
    """µs a device of snmp_exporter."""
    pid, url = peer
    for _ in range(100_000):  # until it listens
        try:
            urllib.request.urlopen(f"{url}127.0.0.1:{port}").read()
        except OSError:
            continue
        break
    before = _process_cpu_s(pid)
    for device in DEVICES * 2:
        page = urllib.request.urlopen(f"{url}{device}:{port}").read()
        assert b"\nvalue7 " in page, page[-400:]
    return (_process_cpu_s(pid) - before) / len(DEVICES) / 2 * 1e6


def _process_cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(") ")[1]
    return sum(map(int, fields.split()[11:13])) / os.sysconf("SC_CLK_TCK")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _measured(port: int, rounds: int, peer: tuple[int, str] | None) -> dict[str, float]:
    found = {
        "scudo-agent v2c": child("--engine", str(port), "2", str(rounds)),
        "scudo-agent v3": child("--engine", str(port), "3", str(rounds)),
        "pysnmp": child("--pysnmp", str(port)),
    }
    if peer is not None:
        found["snmp_exporter"] = exported(peer, port)
    if shutil.which("snmpget"):
        found["snmpget"] = snmpget(port)
    return found


def _tell(measured: Sequence[dict[str, float]]) -> None:
    middle = {
        name: statistics.median(one[name] for one in measured) for name in measured[0]
    }
    goals = {"scudo-agent v3": "1.30", "pysnmp": "1/40", "snmp_exporter": "1/10"}
    ours = middle["scudo-agent v2c"]
    print("8 values of a device by one request")
    for name, figure in middle.items():
        ratio = f"{figure / ours:.2f}" if " v" in name else f"1/{figure / ours:.1f}"
        goal = f" (goal {goals[name]})" if name in goals else ""
        print(f"  {name:18}{figure:9.1f} µs   ratio {ratio}{goal}")


def main(rounds: int) -> None:
    """Print the medians of three measurements and their ratios."""
    print(f"{_processor()}, {os.cpu_count()} CPUs, Python {platform.python_version()}")
    with (
        TemporaryDirectory() as folder,
        running_snmpd(Path(folder, "snmpd"), others=DEVICES) as port,
        exporter() as peer,
    ):
        _tell([_measured(port, rounds, peer) for _ in range(3)])


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--engine", port, version, rounds]:
            asyncio.run(_engine(int(port), int(version), int(rounds)))
        case ["--pysnmp", port]:
            asyncio.run(_pysnmp(int(port)))
        case arguments:
            main(int(arguments[0]) if arguments else 20)
