"""CPU of the `http` engine against blackbox_exporter, check_http and curl.

    python benchmarks/http_probe.py [CHECKS]

All fetch the same small page of a real nginx on loopback, each by a fresh
connection, plain and with TLS, in turn in each of three rounds. The figure is
CPU time (user and system) of the probing process alone for each check; the
medians and their ratios are printed. (Not named `http.py`: that would hide the
library's own `http` from every script of this folder.)
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
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support.certs import Authority
from support.webserver import running_nginx

BATCH = 50
CHECK_HTTP = "/usr/lib/nagios/plugins/check_http"
GOALS = {"http": 0.4, "https": 0.95}


async def _engine(url: str, ca: str, checks: int) -> None:
    from scudo_agent.model import Outcome
    from scudo_agent.probes.http import HttpEngine, HttpSettings
    from scudo_agent.probes.port import Job

    settings = HttpSettings(url=url, body="Accedi", ca=ca)
    jobs = [
        Job(check=f"web/{n}", settings=settings, address=None, timeout_s=5)
        for n in range(BATCH)
    ]
    done = asyncio.Semaphore(0)
    answered = 0

    def report(_check: str, outcome: Outcome) -> None:
        nonlocal answered
        answered += outcome.answered is True
        done.release()

    async def batch() -> None:
        engine.submit(jobs)
        for _ in jobs:
            await done.acquire()

    engine = HttpEngine()
    await engine.start(report)
    await batch()
    before, answered = _cpu_s(resource.RUSAGE_SELF), 0
    for _ in range(checks // BATCH):
        await batch()
    used = _cpu_s(resource.RUSAGE_SELF) - before
    await engine.close()
    print(json.dumps({"us": used / answered * 1e6, "answered": answered}))


def _cpu_s(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def own(url: str, ca: Path, checks: int) -> float:
    """µs a check of the engine, its start and first batch taken off."""
    done = subprocess.run(
        [sys.executable, __file__, "--engine", url, str(ca), str(checks)],
        check=True,
        capture_output=True,
        text=True,
    )
    result = json.loads(done.stdout)
    assert result["answered"] == checks // BATCH * BATCH, f"lost answers: {result}"
    return float(result["us"])


def process(arguments: Sequence[str], checks: int = 30) -> float:
    """µs of one run of a program, as a plugin is run."""
    before = _cpu_s(resource.RUSAGE_CHILDREN)
    for _ in range(checks):
        subprocess.run(arguments, check=True, capture_output=True)
    return (_cpu_s(resource.RUSAGE_CHILDREN) - before) / checks * 1e6


@contextmanager
def blackbox(ca: Path) -> Iterator[tuple[int, str] | None]:
    """A blackbox_exporter (its process id and URL), None if not installed."""
    program = shutil.which("prometheus-blackbox-exporter")
    if program is None:
        yield None
        return
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    with TemporaryDirectory() as folder:
        config = Path(folder, "blackbox.yml")
        config.write_text(
            "modules: {web: {prober: http, timeout: 5s, http: {"
            "preferred_ip_protocol: ip4, fail_if_body_not_matches_regexp: [Accedi],"
            f" tls_config: {{ca_file: {ca}}}}}}}}}\n",
            encoding="ascii",
        )
        address = f"127.0.0.1:{port}"
        exporter = subprocess.Popen(
            [program, f"--config.file={config}", f"--web.listen-address={address}"],
            stderr=subprocess.DEVNULL,
        )
        try:
            yield exporter.pid, f"http://{address}/probe?module=web&target="
        finally:
            exporter.terminate()
            exporter.wait()


def exported(peer: tuple[int, str], url: str, checks: int = 300) -> float:
    """µs a check of blackbox_exporter."""
    pid, probe = peer
    for _ in range(100_000):  # until it listens
        try:
            urllib.request.urlopen(probe + quote(url)).read()
        except OSError:
            continue
        break
    before = _process_cpu_s(pid)
    for _ in range(checks):
        page = urllib.request.urlopen(probe + quote(url)).read()
        assert b"\nprobe_success 1" in page, page[-400:]
    return (_process_cpu_s(pid) - before) / checks * 1e6


def _process_cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(") ")[1]
    return sum(map(int, fields.split()[11:13])) / os.sysconf("SC_CLK_TCK")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _round(
    url: str, ca: Path, checks: int, peer: tuple[int, str] | None
) -> dict[str, float]:
    port = url.rpartition(":")[2].rstrip("/")
    secure = url.startswith("https")
    found = {"scudo-agent": own(url, ca, checks)}
    if peer is not None:
        found["blackbox_exporter"] = exported(peer, url)
    if Path(CHECK_HTTP).exists():
        tls = ["--ssl"] if secure else []
        found["check_http"] = process(
            [CHECK_HTTP, "-I", "127.0.0.1", "-p", port, "-s", "Accedi", *tls]
        )
    if shutil.which("curl"):
        tls = ["--cacert", str(ca)] if secure else []
        found["curl"] = process(["curl", "-sS", *tls, url])
    return found


def main(checks: int) -> None:
    """Print the medians of three rounds and their ratios."""
    print(f"{_processor()}, {os.cpu_count()} CPUs, Python {platform.python_version()}")
    with TemporaryDirectory() as folder:
        authority = Authority(Path(folder, "ca"))
        pair = authority.issue("127.0.0.1")
        with running_nginx(Path(folder), pair) as ports, blackbox(authority.ca) as peer:
            for scheme, port in (("http", ports.http), ("https", ports.https)):
                url = f"{scheme}://127.0.0.1:{port}/"
                rounds = [_round(url, authority.ca, checks, peer) for _ in range(3)]
                _tell(scheme, rounds)


def _tell(scheme: str, rounds: Sequence[dict[str, float]]) -> None:
    middle = {
        name: statistics.median(one[name] for one in rounds) for name in rounds[0]
    }
    ours = middle["scudo-agent"]
    print(f"{scheme}, fresh connection a check")
    for name, figure in middle.items():
        ratio = "" if name == "scudo-agent" else f"   ratio {ours / figure:.2f}"
        goal = f" (goal {GOALS[scheme]})" if name == "blackbox_exporter" else ""
        print(f"  {name:20}{figure:9.1f} µs{ratio}{goal}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--engine"]:
        asyncio.run(_engine(sys.argv[2], sys.argv[3], int(sys.argv[4])))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 2000)
