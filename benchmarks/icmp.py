"""CPU of the `icmp` engine against fping, 1,000 addresses a second each.

    python benchmarks/icmp.py [SECONDS]

Both run in turn in each round, as processes of their own, against 1,000
addresses of 127.0.0.0/8, one echo request to each every second. Two ways of
running fping: steadily, spread over the second as the engine's jobs are
(`-i 1`), and all in one burst each second (`-i 0`), the cheapest it can be.
The figure is CPU time (user and system, the kernel's work for the packets
included) for each request; the start of each program is measured apart and
taken off. icmplib's own `async_multiping` is measured too, and
blackbox_exporter if it is installed.
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
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

ADDRESSES = [f"127.1.{n // 250}.{n % 250 + 1}" for n in range(1000)]
TICKS = 10
"""The engine gets a tenth of its jobs every 100 ms, as the schedule gives them."""


async def _engine(seconds: int) -> None:
    from scudo_agent.model import Outcome
    from scudo_agent.probes.icmp import IcmpEngine, IcmpSettings
    from scudo_agent.probes.port import Job

    settings = IcmpSettings(count=1)
    jobs = [
        Job(check=f"{a}/ping", settings=settings, address=a, timeout_s=5)
        for a in ADDRESSES
    ]
    answered = 0

    def report(_check: str, outcome: Outcome) -> None:
        nonlocal answered
        answered += outcome.answered is True

    engine = IcmpEngine()
    await engine.start(report)
    loop = asyncio.get_running_loop()
    before, began = _cpu_s(resource.RUSAGE_SELF), loop.time()
    share = len(jobs) // TICKS
    for tick in range(seconds * TICKS):
        at = tick % TICKS * share
        engine.submit(jobs[at : at + share])
        await asyncio.sleep(max(0, began + (tick + 1) / TICKS - loop.time()))
    used = _cpu_s(resource.RUSAGE_SELF) - before
    await engine.close()
    print(json.dumps({"cpu_s": used, "answered": answered}))


def _cpu_s(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def own(seconds: int) -> float:
    """µs a request of the engine."""
    done = subprocess.run(
        [sys.executable, __file__, "--engine", str(seconds)],
        check=True,
        capture_output=True,
        text=True,
    )
    result = json.loads(done.stdout)
    requests = seconds * len(ADDRESSES)
    assert result["answered"] == requests, f"lost replies: {result}"
    return float(result["cpu_s"]) / requests * 1e6


def fping(seconds: int, interval_ms: str) -> float:
    """µs a request of fping, its start (one address, one request) taken off."""
    flags = ["fping", "-q", "-i", interval_ms, "-p", "1000", "-c"]
    base = _child_cpu_s([*flags, "1", ADDRESSES[0]])
    used = _child_cpu_s([*flags, str(seconds), *ADDRESSES])
    return (used - base) / (seconds * len(ADDRESSES)) * 1e6


def icmplib(rounds: int = 3) -> float:
    """µs a request of icmplib's own `async_multiping`, its import taken off."""
    flags = [sys.executable, __file__, "--icmplib"]
    base, used = _child_cpu_s([*flags, "0"]), _child_cpu_s([*flags, str(rounds)])
    return (used - base) / (rounds * len(ADDRESSES)) * 1e6


async def _icmplib(rounds: int) -> None:
    from icmplib import async_multiping

    for _ in range(rounds):
        hosts = await async_multiping(ADDRESSES, count=1, interval=0)
        assert all(host.is_alive for host in hosts), "icmplib lost replies"


def _child_cpu_s(arguments: Sequence[str]) -> float:
    before = _cpu_s(resource.RUSAGE_CHILDREN)
    subprocess.run(arguments, check=True, capture_output=True)
    return _cpu_s(resource.RUSAGE_CHILDREN) - before


def blackbox(checks: int = 500) -> float | None:
    """µs a check of blackbox_exporter, None when it is not installed."""
    program = shutil.which("prometheus-blackbox-exporter")
    if program is None:
        return None
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    with TemporaryDirectory() as folder:
        config = Path(folder, "blackbox.yml")
        module = "{prober: icmp, timeout: 2s, icmp: {preferred_ip_protocol: ip4}}"
        config.write_text(f"modules: {{icmp: {module}}}\n", encoding="ascii")
        process = subprocess.Popen(
            [
                program,
                f"--config.file={config}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stderr=subprocess.DEVNULL,
        )
        try:
            return _blackbox_us(process.pid, port, checks)
        finally:
            process.terminate()
            process.wait()


def _blackbox_us(pid: int, port: int, checks: int) -> float:
    url = f"http://127.0.0.1:{port}/probe?module=icmp&target="
    for _ in range(100_000):  # until it listens
        try:
            urllib.request.urlopen(url + ADDRESSES[0]).read()
        except OSError:
            continue
        break
    before = _process_cpu_s(pid)
    for number in range(checks):
        page = urllib.request.urlopen(url + ADDRESSES[number]).read()
        assert b"\nprobe_success 1" in page, "blackbox_exporter got no reply"
    return (_process_cpu_s(pid) - before) / checks * 1e6


def _process_cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(") ")[1]
    ticks = sum(map(int, fields.split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def main(seconds: int) -> None:
    """Print the medians of three rounds and their ratios."""
    print(f"{_processor()}, {os.cpu_count()} CPUs, Python {platform.python_version()}")
    rounds = [
        (own(seconds), fping(seconds, "0"), fping(seconds, "1")) for _ in range(3)
    ]
    ours, fast, steady = (
        statistics.median(column) for column in zip(*rounds, strict=True)
    )
    print(f"scudo-agent         {ours:7.1f} µs a request")
    print(
        f"fping, steady       {steady:7.1f} µs   ratio {ours / steady:.2f} (goal 1.25)"
    )
    print(f"fping, in one burst {fast:7.1f} µs   ratio {ours / fast:.2f}")
    library = icmplib()
    print(f"icmplib             {library:7.1f} µs   ratio 1/{library / ours:.1f}")
    exporter = blackbox()
    if exporter is None:
        print("blackbox_exporter   not installed")
    else:
        print(f"blackbox_exporter   {exporter:7.1f} µs   ratio 1/{exporter / ours:.0f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--engine"]:
        asyncio.run(_engine(int(sys.argv[2])))
    elif sys.argv[1:2] == ["--icmplib"]:
        asyncio.run(_icmplib(int(sys.argv[2])))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 5)
