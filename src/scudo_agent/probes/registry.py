"""Every kind of probe by its key in the site file.

A new kind is one module with its settings class and its engine, and one line
here; another package adds one through an entry point of the group
`scudo_agent.probes` whose name is the kind and whose object is a `port.Probe`.
Importing this is cheap: what a probe needs for its work, its engine imports.
"""

from importlib.metadata import EntryPoint, entry_points

from scudo_agent.config.probe import ProbeSettings
from scudo_agent.errors import InputError
from scudo_agent.probes.dns import DnsEngine, DnsSettings
from scudo_agent.probes.host import HostEngine, HostSettings
from scudo_agent.probes.http import HttpEngine, HttpSettings
from scudo_agent.probes.icmp import IcmpEngine, IcmpSettings
from scudo_agent.probes.port import Engine, Probe
from scudo_agent.probes.snmp import SnmpEngine, SnmpSettings
from scudo_agent.probes.tcp import TcpEngine, TcpSettings
from scudo_agent.probes.tls import TlsEngine, TlsSettings

GROUP = "scudo_agent.probes"

_OURS = (
    Probe(DnsSettings, DnsEngine),
    Probe(HostSettings, HostEngine),
    Probe(HttpSettings, HttpEngine),
    Probe(IcmpSettings, IcmpEngine),
    Probe(SnmpSettings, SnmpEngine),
    Probe(TcpSettings, TcpEngine),
    Probe(TlsSettings, TlsEngine),
)


def _load(entry: EntryPoint) -> Probe:
    """The probe that another package brings; `InputError` if it is none."""
    try:
        probe = entry.load()
    except (ImportError, AttributeError) as exc:
        raise InputError(
            f"the probe '{entry.name}' ({entry.value}) cannot be loaded: {exc}"
        ) from None
    if not isinstance(probe, Probe) or entry.name != probe.settings.KIND:
        raise InputError(
            f"the probe '{entry.name}' ({entry.value}) is no port.Probe of that kind"
        )
    return probe


def _all() -> dict[str, Probe]:
    probes = {probe.settings.KIND: probe for probe in _OURS}
    for entry in entry_points(group=GROUP):
        if entry.name in probes:
            raise InputError(
                f"the probe '{entry.name}' ({entry.value}) has the name of another one"
            )
        probes[entry.name] = _load(entry)
    return probes


PROBES = _all()
"""Every kind that can be used."""

SETTINGS: dict[str, type[ProbeSettings]] = {
    kind: probe.settings for kind, probe in PROBES.items()
}
"""The settings class of every kind, as `config.load` takes it."""


def engine(kind: str) -> Engine:
    """A new engine of the kind, not started."""
    return PROBES[kind].engine()
