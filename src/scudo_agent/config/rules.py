"""Faults that show when a check meets its target: address, reach, time, kind."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from scudo_agent.config.checks import Probe, Timing
from scudo_agent.config.document import Document, Loc
from scudo_agent.config.fields import as_ip
from scudo_agent.config.outline import Outline, RawCheck
from scudo_agent.config.shape import SiteFile, TargetFile
from scudo_agent.config.suggest import or_choices
from scudo_agent.errors import Fault
from scudo_agent.instant import SECOND

_THIS_HOST = "host"
"""The kind that looks at the agent's own machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What has been made out of one site file so far."""

    doc: Document
    site: SiteFile
    view: Outline
    probes: Mapping[str, Probe]
    timings: Mapping[str, Timing]


def rule_faults(reading: Reading) -> list[Fault]:
    """All faults between targets, their checks and the rest of the file."""
    return [
        *_names(reading),
        *_addresses(reading),
        *_hosts(reading),
        *_kinds(reading),
        *_times(reading),
    ]


def credential_of(site: SiteFile, target: TargetFile) -> str | None:
    """The name of a target's credential: its own, else its profile's."""
    if target.credentials is not None or target.use is None:
        return target.credentials
    profile = site.profiles.get(target.use)
    return profile.credentials if profile else None


def _names(reading: Reading) -> Iterator[Fault]:
    """Profiles and credentials that are not there."""
    doc, site = reading.doc, reading.site
    data = reading.doc.data if isinstance(reading.doc.data, dict) else {}
    profiles, credentials = data.get("profiles") or {}, data.get("credentials") or {}
    for name, target in site.targets.items():
        if target.use is not None and target.use not in profiles:
            hint = or_choices(target.use, profiles, there="the profiles are")
            what = f"target '{name}' uses '{target.use}', which is no profile{hint}"
            yield doc.fault(("targets", name, "use"), what)
    holders = [("targets", n, t.credentials) for n, t in site.targets.items()]
    holders += [("profiles", n, p.credentials) for n, p in site.profiles.items()]
    for section, name, wanted in holders:
        if wanted is not None and wanted not in credentials:
            hint = or_choices(wanted, credentials, there="the credentials are")
            who = f"{section[:-1]} '{name}'"
            what = f"{who} names '{wanted}', which is no credential{hint}"
            yield doc.fault((section, name, "credentials"), what)


def _addresses(reading: Reading) -> Iterator[Fault]:
    site = reading.site
    for name, target in site.targets.items():
        loc: Loc = ("targets", name, "address")
        address = target.address
        if address is not None and not _inside(site, address, local=target.local):
            what = (
                f"target '{name}' has the address {address}, which is in none of the "
                "networks that may be probed; add it to 'networks'"
            )
            yield reading.doc.fault(loc, what)


def _hosts(reading: Reading) -> Iterator[Fault]:
    """Literal addresses that settings name beside the target's own."""
    site = reading.site
    for check, probe, target in _whole(reading):
        for host in probe.settings.hosts(target.address):
            literal = as_ip(host) is not None and host != target.address
            if literal and not _inside(site, host, local=target.local):
                what = (
                    f"check '{check.path}' asks {host}, which is in none of the "
                    "networks that may be probed; add it to 'networks'"
                )
                yield reading.doc.fault(check.loc, what)


def _kinds(reading: Reading) -> Iterator[Fault]:
    told: set[str] = set()
    for check, probe, target in _whole(reading):
        if probe.kind == _THIS_HOST and not target.local:
            what = (
                f"check '{check.path}' looks at this machine; "
                f"target '{check.target}' needs 'local: true'"
            )
            yield reading.doc.fault(check.loc, what)
        missing = probe.settings.NEEDS_ADDRESS and target.address is None
        if missing and check.target not in told:
            told.add(check.target)
            what = (
                f"target '{check.target}' has no 'address', which {probe.kind} "
                "needs, such as 192.0.2.1 or erp.example"
            )
            yield reading.doc.fault(("targets", check.target), what, key=True)
        wanted = probe.settings.CREDENTIAL
        if wanted is not None and credential_of(reading.site, target) is None:
            what = (
                f"check '{check.path}' needs a credential for {wanted}: "
                f"target '{check.target}' has no 'credentials'"
            )
            yield reading.doc.fault(check.loc, what)


def _times(reading: Reading) -> Iterator[Fault]:
    """A run has to end before the next one is due."""
    told: set[Loc] = set()
    for path, timing in reading.timings.items():
        if timing.timeout < timing.interval:
            continue
        check = reading.view.checks[path]
        loc = _said(reading, check)
        if loc in told:
            continue
        told.add(loc)
        what = (
            f"the timeout of check '{path}', {timing.timeout / SECOND:g} s, is not "
            f"shorter than its interval, {timing.interval / SECOND:g} s"
        )
        yield reading.doc.fault(loc, what)


def _said(reading: Reading, check: RawCheck) -> Loc:
    """Where the interval or the timeout of a check is said, nearest first."""
    profile = reading.view.targets[check.target].profile
    holders: list[Loc] = [loc for loc in (check.own_loc,) if loc]
    holders.append(("targets", check.target))
    holders += [loc for loc in (check.shared_loc,) if loc]
    holders += [("profiles", profile)] if profile else []
    holders.append(("defaults",))
    for holder in holders:
        for key in ("timeout", "interval"):
            if reading.doc.has((*holder, key)):
                return (*holder, key)
    return check.loc


def _whole(reading: Reading) -> Iterator[tuple[RawCheck, Probe, TargetFile]]:
    for path, probe in reading.probes.items():
        check = reading.view.checks[path]
        target = reading.site.targets.get(check.target)
        if target is not None:
            yield check, probe, target


def _inside(site: SiteFile, address: str, *, local: bool) -> bool:
    """Whether an address may be probed; names are looked at when they resolve."""
    literal = as_ip(address)
    if site.networks is None or literal is None or (local and literal.is_loopback):
        return True
    return any(literal in network for network in site.networks)
