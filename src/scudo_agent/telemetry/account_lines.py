"""The series of accounts as text: 18 of each contracted service, made fast."""

from collections.abc import Sequence

from scudo_agent.instant import Instant
from scudo_agent.telemetry.account_metrics import READ, SLA_SECONDS
from scudo_agent.telemetry.lines import escape, header, stamp
from scudo_agent.telemetry.metric import SLA_CLASSES
from scudo_agent.telemetry.snapshot import SlaSnapshot


def account_text(
    accounts: Sequence[SlaSnapshot], site: tuple[str, str], *, openmetrics: bool
) -> str:
    """All series of accounts; nothing without any."""
    if not accounts:
        return ""
    customer, name = map(escape, site)
    before = f'customer="{customer}",site="{name}",service='
    labels = [f'{before}"{escape(one.service)}"' for one in accounts]
    parts = [header(SLA_SECONDS.name, openmetrics=openmetrics)]
    for one, label in zip(accounts, labels, strict=True):
        head = f"{SLA_SECONDS.name}{{{label},class="
        parts += [
            f'{head}"{kind}"}} {stamp(Instant(length))}\n'
            for kind, length in zip(SLA_CLASSES, one.classes_us, strict=True)
        ]
    for metric, read in READ.items():
        parts.append(header(metric, openmetrics=openmetrics))
        parts += [
            f"{metric}{{{label}}} {value!r}\n"
            for one, label in zip(accounts, labels, strict=True)
            if (value := read(one)) is not None
        ]
    return "".join(parts)
