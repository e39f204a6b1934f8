"""`/metrics` of the desk, for a Prometheus on the same machine.

How many customers wait for what is nobody else's business: the page is there for
connections from this machine that no proxy has passed on.
"""

from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from scudo_agent import __version__
from scudo_agent.desk.offload import offload
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.measures import AgentMeasured, Measured
from scudo_agent.instant import SECOND, Instant
from scudo_agent.telemetry.desk_catalogue import DESK_METRICS
from scudo_agent.telemetry.lines import escape, seconds

_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PASSED_ON = ("forwarded", "x-forwarded-for", "x-real-ip", "via")

Sample = tuple[dict[str, str], float | None]


def add_metrics(app: FastAPI, store: DeskStore) -> None:
    """Add the page."""

    async def metrics(request: Request) -> Response:
        if not _from_here(request):
            raise HTTPException(404)
        measured = await offload(store.measures.read)
        return Response(exposition(measured), media_type=_TYPE)

    app.add_route("/metrics", metrics, methods=["GET"])


def exposition(measured: Measured) -> str:
    """All metrics in the text format 0.0.4; what there is not has no series."""
    found = dict(_samples(measured))
    parts: list[str] = []
    for metric in DESK_METRICS:
        parts.append(f"# HELP {metric.name} {metric.help}\n")
        parts.append(f"# TYPE {metric.name} {metric.type}\n")
        for labels, value in found[metric.name]:
            if value is not None:
                said = ",".join(f'{k}="{escape(v)}"' for k, v in labels.items())
                parts.append(
                    f"{metric.name}{'{' + said + '}' if said else ''} {value}\n"
                )
    return "".join(parts)


def _samples(measured: Measured) -> Iterator[tuple[str, list[Sample]]]:
    yield "scudo_desk_build_info", [({"version": __version__}, 1)]
    for name, value in (
        ("mails_waiting", measured.waiting),
        ("mails_failed", measured.failed),
        ("oldest_mail_age_seconds", measured.oldest_us / SECOND),
        ("mail_lease_age_seconds", measured.lease_us / SECOND),
        ("mail_in_quarantined", measured.quarantined),
        (
            "mail_in_oldest_quarantined_age_seconds",
            measured.quarantined_us / SECOND,
        ),
        ("store_size_bytes", measured.store_bytes),
        ("free_bytes", measured.free_bytes),
        ("reserve_used", int(measured.reserve_used)),
        ("clock_offset_seconds", measured.offset_us / SECOND),
        ("backup_timestamp_seconds", _moment(measured.backup)),
        ("mail_spool_waiting", measured.arriving.waiting),
        ("mail_spool_age_seconds", measured.arriving.oldest_us / SECOND),
        ("mailbox_up", measured.arriving.up),
        ("mailbox_looked_timestamp_seconds", _moment(measured.arriving.looked)),
    ):
        yield f"scudo_desk_{name}", [({}, value)]
    yield (
        "scudo_desk_oldest_unacknowledged_call_age_seconds",
        [({}, measured.alarm_us / SECOND)],
    )
    yield (
        "scudo_desk_calls_total",
        [
            ({"way": way, "outcome": state}, many)
            for (way, state), many in sorted(measured.calls.items())
            if state != "pending"
        ],
    )
    came: list[Sample] = [({"outcome": one}, n) for one, n in measured.mails_in.items()]
    yield "scudo_desk_mail_in_total", came
    gaps: list[Sample] = [({"stream": key}, n) for key, n in measured.gaps.items()]
    yield "scudo_desk_gaps_total", gaps
    yield from _agents(measured.agents)


def _agents(agents: Iterable[AgentMeasured]) -> Iterator[tuple[str, list[Sample]]]:
    heard: list[Sample] = []
    oldest: list[Sample] = []
    keys: list[Sample] = []
    frozen: list[Sample] = []
    for one in agents:
        who = {"customer": one.customer, "site": one.site, "agent": one.agent}
        heard.append((who, _moment(one.heard)))
        age = None if one.oldest_us is None else one.oldest_us / SECOND
        oldest.append((who, age))
        keys.append((who, _moment(one.key_since)))
        frozen.append((who, int(one.frozen)))
    yield "scudo_desk_agent_last_hello_timestamp_seconds", heard
    yield "scudo_desk_agent_oldest_unacknowledged_age_seconds", oldest
    yield "scudo_desk_agent_key_timestamp_seconds", keys
    yield "scudo_desk_agent_frozen", frozen


def _moment(at: Instant | None) -> float | None:
    return None if at is None else seconds(at)


def _from_here(request: Request) -> bool:
    if any(name in request.headers for name in _PASSED_ON) or request.client is None:
        return False
    try:
        address = ip_address(request.client.host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
