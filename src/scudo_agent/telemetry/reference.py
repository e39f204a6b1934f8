"""`docs/metrics.md`, made from the catalogue.

python -m scudo_agent.telemetry.reference > docs/metrics.md
"""

import sys
from collections.abc import Iterable

from scudo_agent.telemetry.account_metrics import ACCOUNT_METRICS
from scudo_agent.telemetry.catalogue import (
    AGENT_METRICS,
    CHECK_METRICS,
    SERVICE_METRICS,
)
from scudo_agent.telemetry.desk_catalogue import DESK_METRICS
from scudo_agent.telemetry.measured import VALUE_METRICS
from scudo_agent.telemetry.metric import LATE_BUCKETS_S, Metric

_HEAD = """\
# Metrics

The agent serves these at `/metrics`, on loopback unless told otherwise, in the text
format 0.0.4 or as OpenMetrics, whichever is asked for, packed where the client takes
gzip. This page is made from the catalogue in `telemetry/catalogue.py`.

| address | answer |
|---|---|
| `/metrics` | the metrics below |
| `/-/healthy` | 200 while the process lives |
| `/-/ready` | 200 when the agent works, else 503 and the reason |
| `/status` | the state of everything, as JSON |
| `/-/reload` | `POST` or `PUT` from this machine: the site file is read again; \
200 when it is taken, 422 when it has faults or a yes is needed, 409 when it cannot be \
now |

    scrape_configs:
      - job_name: scudo
        static_configs: [{targets: ['127.0.0.1:9464']}]

Labels are ids of the site file: `customer`, `site`, `target`, `check` (its name
within the target), `service`. What is free text stands on the `_info` series, to be
joined with `group_left`. A state is a set of series, 1 for the one that holds. Series
end when their check leaves the site file. Counters begin at 0 with each start of the
agent, and are there from the start.
"""
_DESK = """
The desk serves its own at `/metrics` of the address it listens on, an embedded one
too, in the text format 0.0.4, to clients on the same machine; a proxy's request
(`X-Forwarded-For` and the like) is answered 404. `scudo_desk_gaps_total` goes on
over restarts, and over reports that are old enough to be dropped.
"""
_TAIL = """
## The process

`process_cpu_seconds_total`, `process_resident_memory_bytes`,
`process_virtual_memory_bytes`, `process_start_time_seconds`, `process_open_fds` and
`process_max_fds` are those that every Prometheus client has.
"""


def reference() -> str:
    """The whole page."""
    buckets = ", ".join(f"{bound:g}" for bound in LATE_BUCKETS_S)
    sections = (
        ("The agent", AGENT_METRICS),
        ("Services", SERVICE_METRICS),
        ("Accounts", ACCOUNT_METRICS),
        ("Checks", CHECK_METRICS),
        ("Measured values", tuple(one.metric for one in VALUE_METRICS)),
    )
    parts = [_HEAD]
    for title, metrics in sections:
        parts.append(f"\n## {title}\n")
        parts += _entries(metrics)
    parts += ["\n## The desk\n", _DESK, *_entries(DESK_METRICS)]
    page = "".join([*parts, _TAIL])
    return page.replace("BUCKETS", buckets)


def _entries(metrics: Iterable[Metric]) -> Iterable[str]:
    for metric in metrics:
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "none"
        buckets = " Buckets up to BUCKETS s." if metric.type == "histogram" else ""
        yield (
            f"\n### `{metric.name}`\n\n{metric.help}{buckets}\n\n"
            f"{metric.type}, {metric.unit}; labels {labels}\n\n"
            f"    {metric.example}\n"
        )


if __name__ == "__main__":
    sys.stdout.write(reference())
