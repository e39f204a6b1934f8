"""CPU, memory and lateness of a whole agent at 10,000 checks a minute.

    python benchmarks/agent.py [SECONDS] [--profile FILE]

The agent is a process of its own, as `scudo-agent run` makes it: its store on
disk, the desk embedded, metrics served; it has run before. It asks what this
script starts, all on loopback: 6,000 `icmp` checks of as many addresses with
three echo requests each, 3,000 `snmp` checks (8 values of 375 devices of real
snmpd) and 1,000 `http` checks of a small server. Measured once the first runs,
which come closer together, are over; all must answer. Beside it what the same
checks cost by Nagios' plugins, a process each (without Nagios' own work), as
far as they are installed.
"""

import asyncio
import cProfile
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support.snmpd import COMMUNITY, running_snmpd

DEVICES = [[f"127.1.{k}.{n + 1}" for n in range(75)] for k in range(5)]
"""Those of one snmpd each, which takes no more than some 100 addresses."""
HOSTS = [f"127.2.{n // 250}.{n % 250 + 1}" for n in range(6000)]
PAGES = 1000
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
SETTLED_S = 37
"""First runs are spread over 5 s, the next ones over the minute from 30 s on."""

_HEAD = """\
version: 1
site: large
customer: {id: acme, name: ACME S.p.A., mail: it@acme.example, language: it}
timezone: Europe/Rome
desk: embedded
vantage: [h0/ping]
networks: [127.0.0.0/8]
defaults: {interval: 60s, timeout: 5s, confirm: 3, recover: 2, reprobe: 10s}
credentials: {lan: {snmp: {version: 2c, community: 'file:community'}}}
targets:
"""
_PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"


def write_site(folder: Path, *, snmp: Sequence[int], http: int) -> None:
    """The site file and the desk's settings."""
    (folder / "community").write_text(COMMUNITY, "utf-8")
    (folder / "community").chmod(0o600)
    lines = [_HEAD]
    for n, address in enumerate(HOSTS):
        lines.append(f"  h{n}: {{address: {address}, checks: {{ping: icmp}}}}\n")
    for port, devices in zip(snmp, DEVICES, strict=True):
        gets = ", ".join(
            f"v{k}: {{snmp: {{get: {oid}, port: {port}}}}}"
            for k, oid in enumerate(OIDS)
        )
        for address in devices:
            name = "d" + address.replace(".", "-")
            about = f"address: {address}, credentials: lan, checks: {{{gets}}}"
            lines.append(f"  {name}: {{{about}}}\n")
    for n in range(PAGES):
        url = f"http://127.0.0.1:{http}/{n}"
        checks = f"web: {{http: {{url: '{url}'}}}}"
        lines.append(f"  w{n}: {{address: 127.0.0.1, checks: {{{checks}}}}}\n")
    (folder / "site.yaml").write_text("".join(lines), "utf-8")
    (folder / "desk.yaml").write_text(
        "listen: {port: 0}\nprovider: {name: Fornitore, mail: noc@provider.example}\n"
        "mail: {from: desk@provider.example}\n",
        "utf-8",
    )


class _Web(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"\r\n\r\n"):
            self._transport.write(_PAGE)
            self._transport.close()


async def _web() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Web, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _rss_mb() -> float:
    pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def _first(folder: Path) -> None:
    """Let the stores be made: that is done once in an agent's life."""
    from scudo_agent import config
    from scudo_agent.agent.app import Options, running
    from scudo_agent.probes.registry import SETTINGS

    site = config.load(folder / "site.yaml", SETTINGS)
    state, desk_file = folder / "state", folder / "desk.yaml"
    options = Options(state=state, desk_file=desk_file, metrics=("127.0.0.1", 0))
    async with running(site, options):
        pass


async def _agent(folder: Path, seconds: int, profile: str | None) -> None:
    from scudo_agent import config
    from scudo_agent.agent.app import Options, running
    from scudo_agent.pipeline import Committed
    from scudo_agent.probes.registry import SETTINGS
    from scudo_agent.schedule import Firing

    site = config.load(folder / "site.yaml", SETTINGS)
    options = Options(
        state=folder / "state",
        desk_file=folder / "desk.yaml",
        metrics=("127.0.0.1", 0),
    )
    late_us: list[int] = []
    results: Counter[str] = Counter()
    wrong: list[str] = []

    def fired(firings: Sequence[Firing]) -> None:
        late_us.extend(firing.late_us for firing in firings)

    def committed(done: Committed) -> None:
        for seen in done.observations:
            results[seen.result.value] += 1
            if seen.result != "good" and len(wrong) < 3 and seen.outcome:
                wrong.append(f"{seen.check}: {seen.outcome.seen}")

    async with running(site, options) as agent:
        stop = asyncio.Event()
        task = asyncio.create_task(agent.runtime.run(stop))
        await asyncio.sleep(SETTLED_S)
        agent.runtime.on_fire.append(fired)
        agent.runtime.pipeline.listeners.append(committed)
        missed = sum(agent.runtime.probing.schedule.counts.missed.values())
        profiler = cProfile.Profile() if profile else None
        before = _cpu_s()
        if profiler:
            profiler.enable()
        await asyncio.sleep(seconds)
        if profiler and profile:
            profiler.disable()
            profiler.dump_stats(profile)
        used = _cpu_s() - before
        after = sum(agent.runtime.probing.schedule.counts.missed.values())
        rss = _rss_mb()
        stop.set()
        await task
    late_us.sort()
    print(json.dumps({
        "cpu": used / seconds,
        "us": used / max(sum(results.values()), 1) * 1e6,
        "rss_mb": rss,
        "p50_ms": late_us[len(late_us) // 2] / 1e3,
        "p99_ms": late_us[len(late_us) * 99 // 100] / 1e3,
        "runs": len(late_us),
        "missed": after - missed,
        "results": dict(results),
        "wrong": wrong,
    }))  # fmt: skip


PLUGINS = Path("/usr/lib/nagios/plugins")
PLUGIN_RUNS = 50


def _plugins_us(snmp: int, http: int) -> float | None:
    """µs a check of the same mix by plugins; None when they are not installed."""
    ping, web = PLUGINS / "check_ping", PLUGINS / "check_http"
    if not (ping.exists() and web.exists() and shutil.which("snmpget")):
        return None
    limits = ["-w", "500,50%", "-c", "900,100%"]
    oid = OIDS[0]
    mix = (
        (len(HOSTS), [str(ping), "-H", HOSTS[0], "-p", "3", *limits]),
        (
            sum(map(len, DEVICES)) * len(OIDS),
            # What check_snmp runs, and all that it costs but its own start.
            ["snmpget", "-v2c", "-c", COMMUNITY, "-On", f"127.0.0.1:{snmp}", oid],
        ),
        (PAGES, [str(web), "-I", "127.0.0.1", "-p", str(http), "-u", "/1"]),
    )
    total = sum(count * _process_us(command) for count, command in mix)
    return total / sum(count for count, _ in mix)


def _process_us(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Side by side: check_ping takes two seconds for its three requests.
    running = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(PLUGIN_RUNS)
    ]
    codes = {process.wait() for process in running}
    assert codes == {0}, f"{command[0]} ended with {codes}"
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used / PLUGIN_RUNS * 1e6


def main(seconds: int, profile: str | None) -> None:
    """Print the figures of one run beside their goals."""
    print(f"{os.cpu_count()} CPUs, Python {platform.python_version()}")
    web = subprocess.Popen(
        [sys.executable, __file__, "--web"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert web.stdout is not None
        port = int(web.stdout.readline())
        with (
            TemporaryDirectory() as name,
            ExitStack() as stack,
        ):
            snmp = [
                stack.enter_context(
                    running_snmpd(Path(name, f"snmpd{k}"), others=devices)
                )
                for k, devices in enumerate(DEVICES)
            ]
            write_site(Path(name), snmp=snmp, http=port)
            subprocess.run([sys.executable, __file__, "--first", name], check=True)
            command = [sys.executable, __file__, "--agent", name, str(seconds)]
            done = subprocess.run(
                [*command, profile or ""],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
            plugins = _plugins_us(snmp[0], port)
    finally:
        web.terminate()
        web.wait()
    found = json.loads(done.stdout.splitlines()[-1])
    print(f"{found['runs']} runs in {seconds} s, {found['missed']} missed")
    print(f"results      {found['results']} {found['wrong'] or ''}")
    print(f"share        {found['cpu'] * 100:6.1f} % of a core (goal 6)")
    print(f"CPU a check  {found['us']:6.0f} µs")
    if plugins is not None:
        ratio = plugins / found["us"]
        print(f"by plugins   {plugins:6.0f} µs, agent 1/{ratio:.0f} (goal 1/50)")
    print(f"RSS          {found['rss_mb']:6.0f} MB (goal 150)")
    print(f"late         p50 {found['p50_ms']:.0f} ms, p99 {found['p99_ms']:.0f} ms")
    print("             (goal p99 250 ms)")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--web"]:
            asyncio.run(_web())
        case ["--first", folder]:
            asyncio.run(_first(Path(folder)))
        case ["--agent", folder, seconds, profile]:
            asyncio.run(_agent(Path(folder), int(seconds), profile or None))
        case [*most, "--profile", file]:
            main(int(most[0]) if most else 60, file)
        case most:
            main(int(most[0]) if most else 60, None)
