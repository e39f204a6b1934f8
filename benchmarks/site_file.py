"""Loading a site file of 2,000 targets, beside PyYAML's bare `compose` of it.

Prints the CPU seconds of both, medians of five rounds in turn, and their ratio:
what validation with positions costs over the parser that it uses.
"""

import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from scudo_agent.config import load
from scudo_agent.probes.registry import SETTINGS

TARGETS = 2_000
ROUNDS = 5

_HEAD = """\
version: 1
site: large
customer: {id: acme, name: ACME S.p.A., mail: it@acme.example}
timezone: Europe/Rome
networks: [192.0.2.0/24]
vantage: [t0/ping]
profiles:
  host: {checks: {ping: {icmp: {count: 3, degraded: {loss: 20%}}}}}
targets:
"""


def _site(targets: int) -> str:
    line = (
        "  t{n}: {{address: 192.0.2.{octet}, use: host, checks: "
        "{{ssh: {{tcp: 22}}, "
        "db: {{tcp: {{port: 5432, degraded: {{latency: 1s}}}}}}}}}}\n"
    )
    return _HEAD + "".join(line.format(n=n, octet=n % 250 + 1) for n in range(targets))


def _cpu(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "site.yaml"
        text = _site(TARGETS)
        path.write_text(text, encoding="utf-8")
        bare: list[float] = []
        whole: list[float] = []
        for _ in range(ROUNDS):
            bare.append(_cpu(lambda: yaml.compose(text, Loader=yaml.CSafeLoader)))
            whole.append(_cpu(lambda: load(path, SETTINGS)))
    checks = TARGETS * 3
    composed, loaded = statistics.median(bare), statistics.median(whole)
    print(f"{platform.machine()}, Python {platform.python_version()}")
    print(f"{TARGETS} targets, {checks} checks, {len(text) / 1e3:.0f} kB")
    print(f"PyYAML compose alone  {composed * 1e3:6.0f} ms")
    print(f"config.load           {loaded * 1e3:6.0f} ms  ({loaded / composed:.1f} x)")


if __name__ == "__main__":
    main()
