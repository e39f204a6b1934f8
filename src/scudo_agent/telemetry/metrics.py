"""The agent's metrics: counted as things happen, read from a snapshot at scrape.

Nothing is kept for a check that is gone: series end with their check. Counting is
for the event loop's thread, `exposition` for the server's; counters are plain
numbers, which one thread may read while another adds to them.
"""

import platform
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from threading import Lock

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import (
    Metric as Family,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from scudo_agent.instant import Instant
from scudo_agent.model import Result
from scudo_agent.telemetry import metric as fixed
from scudo_agent.telemetry.account_lines import account_text
from scudo_agent.telemetry.catalogue import BY_NAME, CATALOGUE
from scudo_agent.telemetry.lines import CheckLines, Row, check_text, seconds
from scudo_agent.telemetry.snapshot import (
    CheckSnapshot,
    ServiceSnapshot,
    Snapshot,
    StreamSnapshot,
)

__all__ = [
    "CATALOGUE",
    "CheckSnapshot",
    "Metrics",
    "ServiceSnapshot",
    "Snapshot",
    "StreamSnapshot",
]

SERIES_LIMIT = 500_000
"""More series of checks than this are not exposed, and counted as dropped."""

_SERIES_A_CHECK = 18
_END = b"# EOF\n"
_RESULT = {Result(name): at for at, name in enumerate(fixed.RESULTS)}


class Metrics:
    """All metrics of one agent.

    `registry` takes the series of the process (and what else the caller wants
    exposed); without it, one of its own is made. `source`, or `publish`, gives the
    snapshot; `source` is called at each scrape in the server's thread.
    """

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        *,
        customer: str,
        site: str,
        version: str,
        revision: str = "",
        series_limit: int = SERIES_LIMIT,
    ) -> None:
        self.registry = registry or CollectorRegistry(auto_describe=False)
        self.source: Callable[[], Snapshot] = Snapshot
        self._customer, self._site = customer, site
        self._build = (version, revision, platform.python_version())
        self._check_limit = series_limit // _SERIES_A_CHECK
        self._results: dict[str, list[int]] = {}
        self._lines: dict[str, CheckLines] = {}
        self._scraping = Lock()
        self._refused: set[str] = set()
        self._late = [0] * (len(fixed.LATE_BUCKETS_S) + 1)
        self._late_sum = 0.0
        self._steps = dict.fromkeys(fixed.CLOCK_STEPS, 0)
        self._commits = dict.fromkeys(fixed.COMMITS, 0)
        self._deliveries = dict.fromkeys(fixed.DELIVERIES, 0)
        self._screenshots = dict.fromkeys(fixed.SCREENSHOTS, 0)
        if registry is None:
            ProcessCollector(registry=self.registry)

    def publish(self, snapshot: Snapshot) -> None:
        """Expose this snapshot from now on."""
        self.source = lambda: snapshot

    def observed(self, check: str, result: Result) -> None:
        """Count one observation of a check."""
        counts = self._results.get(check)
        if counts is None:
            counts = self._results[check] = [0] * len(fixed.RESULTS)
        counts[_RESULT[result]] += 1

    def fired(self, late_s: float) -> None:
        """Count one run of a check that began `late_s` after it was due."""
        self._late[bisect_left(fixed.LATE_BUCKETS_S, late_s)] += 1
        self._late_sum += late_s

    def stepped(self, offset_us: int) -> None:
        """Count a step of the wall clock."""
        self._steps["forward" if offset_us > 0 else "back"] += 1

    def committed(self, *, done: bool) -> None:
        """Count a transaction of the agent's store."""
        self._commits["done" if done else "failed"] += 1

    def delivered(self, event: str) -> None:
        """Count what befell the delivery; `event` is one of `DELIVERIES`."""
        self._deliveries[event] += 1

    def screenshot(self, result: str) -> None:
        """Count a screenshot, or the lack of one; `result` is one of `SCREENSHOTS`."""
        self._screenshots[result] += 1

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """All metrics in the format that `accept` asks for, and its content type."""
        encode, content_type = choose_encoder(accept)
        openmetrics = content_type.startswith("application/openmetrics-text")
        with self._scraping:
            snapshot = self.source()
            rows = self._rows(snapshot.checks)
            body = encode(_Scrape(self._families(snapshot), self.registry))
        site = self._customer, self._site
        told = account_text(snapshot.accounts, site, openmetrics=openmetrics)
        told += check_text(rows, self._counts, openmetrics=openmetrics)
        text = told.encode()
        if openmetrics:
            return body.removesuffix(_END) + text + _END, content_type
        return body + text, content_type

    def _counts(self, check: str) -> Sequence[int]:
        return self._results.get(check, ())

    def _rows(self, checks: Sequence[CheckSnapshot]) -> list[Row]:
        """The checks with their lines; what belongs to none any more is dropped."""
        before = self._lines
        kept: dict[str, CheckLines] = {}
        rows: list[Row] = []
        for check in checks:
            lines = before.get(check.path)
            if lines is None or not lines.same(check):
                if len(kept) >= self._check_limit:
                    self._refused.add(check.path)
                    continue
                lines = CheckLines(self._customer, self._site, check)
            lines.update(check)
            kept[check.path] = lines
            rows.append((check, lines))
        self._lines = kept
        for path in list(self._results):
            if path not in kept:
                del self._results[path]
        return rows

    def _families(self, snapshot: Snapshot) -> Iterable[Family]:
        """Everything but the series of checks, for prometheus-client to write."""
        site = (self._customer, self._site)
        yield _family("scudo_build_info", [(self._build, 1)])
        yield _family("scudo_config_info", [((*site, snapshot.config_hash), 1)])
        yield from _agent(snapshot, site)
        yield from _safety(snapshot, site)
        yield from _streams(snapshot, site)
        yield from _services(snapshot, site)
        yield from self._counters(site)

    def _counters(self, site: tuple[str, str]) -> Iterable[Family]:
        for name, counts in (
            ("scudo_clock_steps_total", self._steps),
            ("scudo_store_commits_total", self._commits),
            ("scudo_delivery_events_total", self._deliveries),
            ("scudo_screenshots_total", self._screenshots),
        ):
            yield _family(name, [((*site, key), n) for key, n in counts.items()])
        dropped = len(self._refused) * _SERIES_A_CHECK
        yield _family("scudo_series_dropped_total", [(site, dropped)])
        yield self._lateness(site)

    def _lateness(self, site: tuple[str, str]) -> Family:
        metric = BY_NAME["scudo_probe_late_seconds"]
        family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        total, buckets = 0, []
        bounds = [*map(str, map(float, fixed.LATE_BUCKETS_S)), "+Inf"]
        for bound, count in zip(bounds, list(self._late), strict=True):
            total += count
            buckets.append((bound, float(total)))
        family.add_metric(site, buckets, self._late_sum)
        return family


class _Scrape(Collector):
    """What prometheus-client writes of one scrape: the agent, then the process."""

    def __init__(self, agent: Iterable[Family], registry: CollectorRegistry) -> None:
        self._agent, self._registry = agent, registry

    def collect(self) -> Iterable[Family]:
        return chain(self._agent, self._registry.collect())


def _family(name: str, series: Iterable[tuple[tuple[str, ...], float]]) -> Family:
    metric = BY_NAME[name]
    family: CounterMetricFamily | GaugeMetricFamily
    if metric.type == "counter":
        family = CounterMetricFamily(name, metric.help, labels=metric.labels)
    else:
        family = GaugeMetricFamily(name, metric.help, labels=metric.labels)
    for labels, value in series:
        family.add_metric(labels, value)
    return family


def _optional(
    name: str, site: tuple[str, str], value: float | None
) -> Iterable[Family]:
    if value is not None:
        yield _family(name, [(site, value)])


def _agent(snapshot: Snapshot, site: tuple[str, str]) -> Iterable[Family]:
    open_by = {str(key or "none"): n for key, n in snapshot.incidents.items()}
    incidents = [((*site, key), open_by.get(key, 0)) for key in fixed.SEVERITIES]
    isolated = snapshot.isolated_since is not None
    up = None if snapshot.desk_up is None else int(snapshot.desk_up)
    yield _family("scudo_site_isolated", [(site, int(isolated))])
    yield _family("scudo_incidents_open", incidents)
    yield _family("scudo_clock_offset_seconds", [(site, snapshot.clock_offset_s)])
    for name, value in (
        ("scudo_start_timestamp_seconds", _moment(snapshot.started)),
        ("scudo_config_last_reload_successful", int(not snapshot.reload_refused)),
        (
            "scudo_config_last_reload_success_timestamp_seconds",
            _moment(snapshot.config_taken),
        ),
        ("scudo_liveness_timestamp_seconds", _moment(snapshot.liveness)),
        ("scudo_desk_up", up),
        ("scudo_desk_last_answer_timestamp_seconds", _moment(snapshot.desk_answered)),
        ("scudo_agent_key_timestamp_seconds", _moment(snapshot.key_since)),
        ("scudo_store_size_bytes", snapshot.store_bytes),
        ("scudo_store_free_bytes", snapshot.free_bytes),
        ("scudo_store_reserve_used", int(snapshot.reserve_used)),
        ("scudo_windows_copied_timestamp_seconds", _moment(snapshot.windows_copied)),
    ):
        yield from _optional(name, site, value)


def _safety(snapshot: Snapshot, site: tuple[str, str]) -> Iterable[Family]:
    yield _family("scudo_store_damaged_total", [(site, snapshot.damaged)])
    taken = snapshot.backups.items()
    yield _family(
        "scudo_backup_timestamp_seconds",
        [((*site, name), seconds(at)) for name, at in taken],
    )


def _moment(at: Instant | None) -> float | None:
    return None if at is None else seconds(at)


def _streams(snapshot: Snapshot, site: tuple[str, str]) -> Iterable[Family]:
    streams = snapshot.outbox or {"I": StreamSnapshot()}
    ages = {key: one.oldest_age_s for key, one in streams.items()}
    waiting = {key: one.waiting for key, one in streams.items()}
    quarantined = {key: one.quarantined for key, one in streams.items()}
    for name, values in (
        ("scudo_outbox_oldest_unacknowledged_age_seconds", ages),
        ("scudo_outbox_unacknowledged_events", waiting),
        ("scudo_outbox_quarantined_events", quarantined),
    ):
        yield _family(name, [((*site, key), value) for key, value in values.items()])


def _services(snapshot: Snapshot, site: tuple[str, str]) -> Iterable[Family]:
    services = snapshot.services
    yield _family(
        "scudo_service_info",
        [((*site, one.id, str(one.contracted).lower()), 1) for one in services],
    )
    yield _family(
        "scudo_service_state",
        [
            ((*site, one.id, state), int(state == one.state))
            for one in services
            for state in fixed.STATES
        ],
    )
    yield _family(
        "scudo_service_state_since_timestamp_seconds",
        [((*site, one.id), seconds(one.since)) for one in services],
    )
    yield _family(
        "scudo_service_muted", [((*site, one.id), int(one.muted)) for one in services]
    )
    yield _family(
        "scudo_service_paused", [((*site, one.id), int(one.paused)) for one in services]
    )
    yield _family(
        "scudo_window_open",
        [
            ((*site, one.id, kind), int(kind in one.windows))
            for one in services
            for kind in fixed.WINDOWS
        ],
    )
