"""What a site file names, read without judging it: the tolerant view.

However faulty a file is, its targets, checks, services and the references
between them can be listed as far as they can be made out, so that all faults
are told at once. Profiles are merged here: `use` gives a target its checks, and
what the target says itself wins.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scudo_agent.config.document import Loc

BESIDE = ("interval", "timeout", "confirm", "recover")
"""What may stand beside a probe."""

HEARTBEAT = "heartbeat"


@dataclass(frozen=True, slots=True)
class Mention:
    """A check's path where the file names it."""

    path: str
    loc: Loc


@dataclass(frozen=True, slots=True)
class RawCheck:
    """A check as the file says it: on the target, in its profile, or both."""

    path: str
    target: str
    own: Any
    own_loc: Loc | None
    shared: Any
    shared_loc: Loc | None

    @property
    def loc(self) -> Loc:
        """The place that stands for the check."""
        return self.own_loc or self.shared_loc or ()

    def merged(self) -> dict[str, Any] | None:
        """The definition with the profile's under the target's own.

        None when one of the two is neither a probe nor a mapping.
        """
        own, shared = as_mapping(self.own), as_mapping(self.shared)
        if own is None or shared is None:
            return None
        kinds = [key for key in own if key not in BESIDE]
        merged = {k: v for k, v in shared.items() if k in BESIDE or not kinds}
        for key, value in own.items():
            both = isinstance(value, dict) and isinstance(shared.get(key), dict)
            merged[key] = _deep(shared[key], value) if both else value
        return merged


@dataclass(frozen=True, slots=True)
class RawTarget:
    """A target as far as it can be made out."""

    id: str
    loc: Loc
    data: Mapping[str, Any]
    profile: str | None
    local: bool
    depends_on: tuple[Mention, ...]


@dataclass(frozen=True, slots=True)
class RawService:
    """A service as far as it can be made out."""

    id: str
    loc: Loc
    contracted: bool
    checks: tuple[Mention, ...]
    at_least: int | None


@dataclass(slots=True)
class Outline:
    """All that a file names, in its order."""

    targets: dict[str, RawTarget] = field(default_factory=dict)
    checks: dict[str, RawCheck] = field(default_factory=dict)
    services: dict[str, RawService] = field(default_factory=dict)
    vantage: tuple[Mention, ...] = ()


def outline(data: Any) -> Outline:
    """List what a file names; whatever cannot be made out is left out."""
    top = mapping(data)
    out = Outline(vantage=_mentions(top.get("vantage"), ("vantage",)))
    profiles = mapping(top.get("profiles"))
    for name, value in mapping(top.get("targets")).items():
        target = _target(name, mapping(value), profiles)
        out.targets[name] = target
        for check in _checks(target, profiles):
            out.checks[check.path] = check
    for name, value in mapping(top.get("services")).items():
        out.services[name] = _service(name, mapping(value))
    return out


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_mapping(value: Any) -> dict[str, Any] | None:
    """A check's definition as a mapping: a scalar is the probe's kind."""
    if value is None:
        return {}
    if isinstance(value, str):
        return {value: None}
    return value if isinstance(value, dict) else None


def _deep(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        merged[key] = _deep(below, value) if both and below else value
    return merged


def _target(
    name: str, data: Mapping[str, Any], profiles: Mapping[str, Any]
) -> RawTarget:
    use = data.get("use")
    loc: Loc = ("targets", name)
    named, named_loc = data.get("depends_on"), (*loc, "depends_on")
    if named is None and isinstance(use, str):
        named = mapping(profiles.get(use)).get("depends_on")
        named_loc = ("profiles", use, "depends_on")
    return RawTarget(
        id=name,
        loc=loc,
        data=data,
        profile=use if isinstance(use, str) else None,
        local=data.get("local") is True,
        depends_on=_mentions(named, named_loc),
    )


def _checks(target: RawTarget, profiles: Mapping[str, Any]) -> Iterator[RawCheck]:
    own = mapping(target.data.get("checks"))
    profile = target.profile
    shared = mapping(mapping(profiles.get(profile)).get("checks")) if profile else {}
    for name in (*shared, *(name for name in own if name not in shared)):
        own_loc = (*target.loc, "checks", name) if name in own else None
        given = name in shared and profile is not None
        yield RawCheck(
            path=f"{target.id}/{name}",
            target=target.id,
            own=own.get(name),
            own_loc=own_loc,
            shared=shared.get(name),
            shared_loc=("profiles", profile or "", "checks", name) if given else None,
        )


def _service(name: str, data: Mapping[str, Any]) -> RawService:
    need = mapping(data.get("need")).get("at_least")
    return RawService(
        id=name,
        loc=("services", name),
        contracted=data.get("contracted") is True,
        checks=_mentions(data.get("checks"), ("services", name, "checks")),
        at_least=need if isinstance(need, int) else None,
    )


def _mentions(value: Any, loc: Loc) -> tuple[Mention, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(
        Mention(path, (*loc, index))
        for index, path in enumerate(value)
        if isinstance(path, str)
    )
