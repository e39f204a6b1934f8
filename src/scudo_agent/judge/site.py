"""What judging needs to know of a site, and nothing else (`judging.md`).

Mappings keep the order of the file: it decides between equals.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scudo_agent.instant import HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRule:
    """How one check is judged.

    `local` is true for checks of targets with `local: true` and for heartbeats
    (the set L of `judging.md`). `definition` changes whenever the definition in
    the file does: confirmation then starts anew. Without `warns` (`forecasts`) a
    warning (a forecast) that is still open ends unmeasured: it was taken out.
    """

    path: str
    target: str
    interval_us: int
    confirm: int = 3
    recover: int = 2
    local: bool = False
    definition: str = ""
    warns: bool = True
    forecasts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRule:
    """A service made of checks; `need` is the k of `domain.md` 2."""

    id: str
    checks: tuple[str, ...]
    need: int
    contracted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeSite:
    """Checks, dependencies (target → checks it depends on), vantage, services."""

    checks: Mapping[str, CheckRule]
    depends_on: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    vantage: tuple[str, ...] = ()
    services: Mapping[str, ServiceRule] = field(default_factory=dict)
    reopen_us: int = 4 * HOUR
