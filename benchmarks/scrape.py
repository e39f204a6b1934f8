"""A large scrape: own lines against prometheus-client's, and what it does to a loop.

    python benchmarks/scrape.py [ROUNDS]

Both expositions of the same 100,000 samples are made in turn in each round; the
figures are CPU time of this process, medians. Then a loop ticks every 10 ms while
the agent's server is scraped over loopback, and while it is not: how late its ticks
come is what a scrape does to probes.
"""

import asyncio
import gzip
import platform
import statistics
import sys
import time
import urllib.request
from collections.abc import Iterable

from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from scudo_agent.instant import Instant
from scudo_agent.model import State
from scudo_agent.telemetry.metrics import CheckSnapshot, Metrics, Snapshot
from scudo_agent.telemetry.web import TelemetryServer

CHECKS = 5_900
"""With 17 series each, these are 100,000 samples."""

TICK_S = 0.01
WATCH_S = 5.0
_AT = 1_795_426_910_123_456


class Peer(Collector):
    """The usual way: a custom collector that prometheus-client writes."""

    def __init__(
        self, samples: list[tuple[str, list[tuple[list[str], float]]]]
    ) -> None:
        self._samples = samples

    def collect(self) -> Iterable[Metric]:
        for name, series in self._samples:
            labels = ["customer", "site", "target", "check", "state"]
            family = GaugeMetricFamily(name, "A metric.", labels=labels)
            for values, value in series:
                family.add_metric(values, value)
            yield family


def _own() -> Metrics:
    metrics = Metrics(customer="acme", site="acme-milano", version="0")
    ping = {"loss": 0.0, "rtt_s": 0.00123, "rtt_max_s": 0.0042}
    metrics.publish(
        Snapshot(
            checks=[
                CheckSnapshot(
                    path=f"target-{n}/ping",
                    kind="icmp",
                    address="192.0.2.1",
                    state=State.UP,
                    since=Instant(_AT + n),
                    last_at=Instant(_AT + n),
                    duration_s=0.00123,
                    values=ping,
                )
                for n in range(CHECKS)
            ]
        )
    )
    return metrics


def _peer(samples: int) -> Peer:
    names = [f"scudo_demo_{n}_seconds" for n in range(17)]
    each = samples // len(names)
    return Peer(
        [
            (
                name,
                [
                    (
                        ["acme", "acme-milano", f"target-{n}", "ping", "up"],
                        _AT / 1e6 + n,
                    )
                    for n in range(each)
                ],
            )
            for name in names
        ]
    )


def _cpu_ms(work: object) -> float:
    assert callable(work)
    begin = time.process_time()
    work()
    return (time.process_time() - begin) * 1000


async def _lateness(url: str | None) -> list[float]:
    """How late the ticks of a loop come, in ms, while `url` is scraped each second."""
    loop, late = asyncio.get_running_loop(), []
    end, scrape_at = loop.time() + WATCH_S, loop.time()
    while (now := loop.time()) < end:
        if url is not None and now >= scrape_at:
            scrape_at += 1
            loop.run_in_executor(None, _scrape, url)
        due = loop.time() + TICK_S
        await asyncio.sleep(TICK_S)
        late.append((loop.time() - due) * 1000)
    return sorted(late)


def _scrape(url: str) -> None:
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        answer.read()


def main() -> None:
    """Print both figures and the ratio."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    metrics = _own()
    body, _ = metrics.exposition()
    samples = sum(not line.startswith(b"#") for line in body.splitlines())
    peer = _peer(samples)
    own_ms, peer_ms = [], []
    for _ in range(rounds):
        own_ms.append(_cpu_ms(metrics.exposition))
        peer_ms.append(_cpu_ms(lambda: generate_latest(peer)))
    pack_ms = _cpu_ms(lambda: gzip.compress(body, compresslevel=1))
    own, other = statistics.median(own_ms), statistics.median(peer_ms)
    print(f"{platform.machine()}, Python {platform.python_version()}")
    print(f"samples            {samples}, {len(body) / 1e6:.1f} MB")
    print(f"own                {own:.0f} ms (goal 100), gzip level 1 {pack_ms:.0f} ms")
    print(f"prometheus-client  {other:.0f} ms; own is 1/{other / own:.1f} of it")
    server = TelemetryServer(
        "127.0.0.1", 0, metrics=metrics, ready=lambda: (True, ""), status=dict
    )
    server.start()
    for name, url in (("alone", None), ("scraped", f"{server.url}/metrics")):
        late = asyncio.run(_lateness(url))
        p99 = late[int(len(late) * 0.99)]
        print(
            f"loop {name:8}      ticks late p99 {p99:.1f} ms, worst {late[-1]:.1f} ms"
        )
    server.close()


if __name__ == "__main__":
    main()
