"""What one version of a site file changes against another; pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from scudo_agent.config.site import Site

MANY_PERCENT = 20
"""More checks than this that go at once need a yes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Names that are new, changed and gone, each in the order of its file."""

    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.new or self.changed or self.deleted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """What a running agent has to do to go by the new version.

    A check counts as changed when its definition did: it is confirmed anew.
    `other` names what else is different and can be gone by at once, `restart` what
    a running agent cannot take. `checks_before` is how many checks there were.
    """

    checks: Changes
    services: Changes
    other: tuple[str, ...]
    restart: tuple[str, ...]
    checks_before: int

    def __bool__(self) -> bool:
        """Whether anything is different."""
        return bool(self.checks or self.services or self.other or self.restart)

    @property
    def removes_many(self) -> bool:
        """Whether it takes so many checks away that somebody must say yes."""
        return 100 * len(self.checks.deleted) > MANY_PERCENT * self.checks_before


def differences(old: Site, new: Site) -> Differences:
    """What `new` changes against `old`, which is run."""
    checks = _changes(
        {path: check.definition for path, check in old.checks.items()},
        {path: check.definition for path, check in new.checks.items()},
    )
    told = {*checks.new, *checks.changed, *checks.deleted}
    return Differences(
        checks=checks,
        services=_changes(old.services, new.services),
        other=_named(_live(old, told), _live(new, told)),
        restart=_named(_fixed(old), _fixed(new)),
        checks_before=len(old.checks),
    )


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Changes:
    return Changes(
        new=tuple(name for name in new if name not in old),
        changed=tuple(n for n, what in new.items() if n in old and old[n] != what),
        deleted=tuple(name for name in old if name not in new),
    )


def _named(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(name for name, what in new.items() if old[name] != what)


def _fixed(site: Site) -> dict[str, Any]:
    """What was settled when the agent started: store, desk and calendar hang on it.

    The desk's key may change where it stands: its agent renews it itself.
    """
    key = site.desk.key
    return {
        "site": site.id,
        "customer.id": site.customer.id,
        "timezone": site.timezone,
        "desk": (site.desk.url, site.desk.ca, key.reference if key else None),
    }


def _live(site: Site, told: Collection[str]) -> dict[str, Any]:
    """What is gone by at once, beside the checks that are `told` and the services.

    Secrets are compared by their values: a new one is used from then on.
    """
    targets = site.targets.values()
    checks = {path: one for path, one in site.checks.items() if path not in told}
    return {
        "customer": site.customer,
        "contract": (site.contract_id, site.contract_body),
        "networks": site.networks,
        "vantage": site.vantage,
        "depends_on": {one.id: one.depends_on for one in targets if one.depends_on},
        "credentials": {p: one.target.credential for p, one in checks.items()},
        "secrets": {path: one.settings for path, one in checks.items()},
        "reprobe": {path: one.reprobe_us for path, one in checks.items()},
        "order": (list(checks), list(site.services)),
        "screenshots": site.screenshots,
    }
