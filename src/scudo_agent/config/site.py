"""A whole site, validated and resolved: what `config.load` returns.

Everything here is final: profiles are merged, defaults filled in, secrets read,
orders those of the file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

from scudo_agent.config.probe import ProbeSettings
from scudo_agent.config.secret import Secret
from scudo_agent.contract.model import Contract


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Whom the site belongs to and who gets the notices."""

    id: str
    name: str
    mail: str
    language: str = "it"


@dataclass(frozen=True, slots=True, kw_only=True)
class SnmpCredential:
    """How to speak SNMP with a device; keys are `Secret`s."""

    version: int
    community: Secret | None = None
    user: str | None = None
    auth: str | None = None
    auth_key: Secret | None = None
    priv: str | None = None
    priv_key: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskLink:
    """Where the desk is: `url` None means embedded in this process."""

    url: str | None = None
    key: Secret | None = None
    ca: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One device or endpoint; `address` is None on `local: true` targets."""

    id: str
    address: str | None
    local: bool
    depends_on: tuple[str, ...]
    credential: SnmpCredential | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One probe on one target, as it will run; `path` is its identity."""

    path: str
    target: Target
    kind: str
    settings: ProbeSettings
    interval_us: int
    timeout_us: int
    confirm: int
    recover: int
    reprobe_us: int
    definition: str
    """Stable hash of all that changes what the check means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What the contract is about; `title` by language; `need` the number k."""

    id: str
    title: Mapping[str, str]
    contracted: bool
    checks: tuple[str, ...]
    need: int
    need_words: str
    """As the file says it: `all`, `any` or `at_least: k`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A validated site file."""

    path: Path
    id: str
    customer: Customer
    timezone: str
    contract: Contract | None
    contract_id: str | None
    """The id of the contract, also when its file is at a remote desk."""
    contract_body: Mapping[str, Any] | None = None
    """The contract file's data (`config.contract_body`); None at a remote desk."""
    desk: DeskLink
    networks: tuple[IPv4Network | IPv6Network, ...] | None
    """What may be probed; None: the targets' own addresses."""
    vantage: tuple[str, ...]
    targets: Mapping[str, Target]
    checks: Mapping[str, Check]
    services: Mapping[str, Service]
    config_hash: str
    raw: Mapping[str, Any]
    """The file's data with secrets as references, for display."""
    screenshots: bool = True
    """Whether tickets about web applications get one, where a browser is."""


def ancestors(site: Site) -> dict[str, tuple[str, ...]]:
    """Every check's ancestors: those its target depends on, and theirs.

    The site file has been checked for cycles.
    """
    found: dict[str, tuple[str, ...]] = {}

    def of_target(target: str) -> tuple[str, ...]:
        if target not in found:
            above: dict[str, None] = {}
            for check in site.targets[target].depends_on:
                above[check] = None
                above.update(dict.fromkeys(of_target(check.partition("/")[0])))
            found[target] = tuple(above)
        return found[target]

    return {path: of_target(check.target.id) for path, check in site.checks.items()}
