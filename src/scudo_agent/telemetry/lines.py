"""The series of checks as text, made fast.

A site may have ten thousand checks and 20 series for each. prometheus-client needs
7 µs a series; here the labels of a check are written once and kept, so that a
scrape holds the interpreter for a short time only.
"""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter

from scudo_agent.instant import DAY, SECOND, Instant
from scudo_agent.model import State
from scudo_agent.telemetry.catalogue import BY_NAME, CHECK_METRICS
from scudo_agent.telemetry.measured import EXPIRY, VALUE_METRICS, Measured
from scudo_agent.telemetry.metric import RESULTS, STATES
from scudo_agent.telemetry.snapshot import CheckSnapshot

_JITTER_S = 30
"""Days left are reckoned before the answer is stamped; the series stands still."""

_NO_RESULTS = (0,) * len(RESULTS)


def escape(value: str) -> str:
    """A label's value as both text formats want it."""
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def seconds(at: Instant) -> float:
    """An instant as Prometheus counts: seconds since 1970."""
    return at / SECOND


def stamp(at: Instant) -> str:
    """`seconds` as text: three times as fast as writing the float."""
    digits = f"{at:07d}"
    return f"{digits[:-6]}.{digits[-6:]}"


class CheckLines:
    """What stays of one check from scrape to scrape."""

    __slots__ = ("_state", "address", "block", "expiry", "info", "kind", "labels")

    def __init__(self, customer: str, site: str, check: CheckSnapshot) -> None:
        target, _, name = check.path.partition("/")
        self.kind, self.address = check.kind, check.address
        self.labels = ",".join(
            f'{label}="{escape(value)}"'
            for label, value in (
                ("customer", customer),
                ("site", site),
                ("target", target),
                ("check", name),
            )
        )
        self.info = (
            f'scudo_check_info{{{self.labels},kind="{escape(check.kind)}",'
            f'address="{escape(check.address or "")}"}} 1\n'
        )
        self.expiry: int | None = None
        self._state: State | None = None
        self.block = ""

    def same(self, check: CheckSnapshot) -> bool:
        """Whether these lines still are about this check."""
        return check.kind == self.kind and check.address == self.address

    def update(self, check: CheckSnapshot) -> None:
        """Take over what is kept beyond one scrape: state and expiry."""
        if check.state is not self._state:
            self._state = check.state
            self.block = "".join(
                f'scudo_check_state{{{self.labels},state="{state}"}} '
                f"{int(state == check.state)}\n"
                for state in STATES
            )
        days = check.values.get("days_left") if check.kind == "tls" else None
        if days is not None and check.last_at is not None:
            expiry = round(seconds(check.last_at) + days * (DAY // SECOND))
            if self.expiry is None or abs(expiry - self.expiry) > _JITTER_S:
                self.expiry = expiry


Row = tuple[CheckSnapshot, CheckLines]
Results = Callable[[str], Sequence[int]]


def header(name: str, *, openmetrics: bool) -> str:
    """HELP and TYPE of a metric, in either text format."""
    metric = BY_NAME[name]
    kind, family = metric.type, name
    if openmetrics and kind == "counter":
        family = name.removesuffix("_total")
    return f"# HELP {family} {metric.help}\n# TYPE {family} {kind}\n"


def check_text(rows: Iterable[Row], results: Results, *, openmetrics: bool) -> str:
    """All series of checks; `results` gives a check's counts in order of RESULTS."""
    kept = list(rows)
    parts: list[str] = []
    for metric in CHECK_METRICS:
        parts.append(header(metric.name, openmetrics=openmetrics))
        parts += _series(metric.name, kept, results)
    for measured in VALUE_METRICS:
        lines = _values(measured, kept)
        if lines:
            parts.append(header(measured.metric.name, openmetrics=openmetrics))
            parts += lines
    return "".join(parts)


def _series(name: str, rows: list[Row], results: Results) -> list[str]:
    match name:
        case "scudo_check_info":
            return [lines.info for _, lines in rows]
        case "scudo_check_state":
            return [lines.block for _, lines in rows]
        case "scudo_probe_results_total":
            return [
                _results(lines.labels, results(check.path)) for check, lines in rows
            ]
        case _:
            read = _READ[name]
            return [
                f"{name}{{{lines.labels}}} {value}\n"
                for check, lines in rows
                if (value := read(check)) is not None
            ]


def _results(labels: str, counts: Sequence[int]) -> str:
    good, degraded, failed, unknown = counts or _NO_RESULTS
    head = f"scudo_probe_results_total{{{labels},result="
    return (
        f'{head}"good"}} {good}\n{head}"degraded"}} {degraded}\n'
        f'{head}"failed"}} {failed}\n{head}"unknown"}} {unknown}\n'
    )


def _values(measured: Measured, rows: list[Row]) -> list[str]:
    name, kind = measured.metric.name, measured.kind
    if measured.metric is EXPIRY:
        return [
            f"{name}{{{lines.labels}}} {lines.expiry}\n"
            for _, lines in rows
            if lines.expiry is not None
        ]
    return [
        f"{name}{{{lines.labels}}} {check.values[value]}\n"
        for check, lines in rows
        if check.kind == kind
        for value in measured.values
        if value in check.values
    ]


def _last(check: CheckSnapshot) -> str | None:
    return None if check.last_at is None else stamp(check.last_at)


def _warned(check: CheckSnapshot) -> int | None:
    return None if check.warned is None else int(check.warned)


def _crossing(check: CheckSnapshot) -> str | None:
    return None if check.crossing is None else stamp(check.crossing)


_READ: dict[str, Callable[[CheckSnapshot], float | str | None]] = {
    "scudo_check_state_since_timestamp_seconds": lambda check: stamp(check.since),
    "scudo_check_last_observation_timestamp_seconds": _last,
    "scudo_check_failing_observations": attrgetter("failing"),
    "scudo_check_warning": _warned,
    "scudo_check_forecast_crossing_timestamp_seconds": _crossing,
    "scudo_probe_duration_seconds": attrgetter("duration_s"),
    "scudo_probes_missed_total": attrgetter("missed"),
}
