"""Checks of a site file: which probe, with what settings, how often."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from scudo_agent.config.document import Document, Loc
from scudo_agent.config.outline import (
    BESIDE,
    HEARTBEAT,
    Outline,
    RawCheck,
    as_mapping,
    mapping,
)
from scudo_agent.config.probe import ProbeSettings
from scudo_agent.config.sections import describe
from scudo_agent.config.shape import HeartbeatFile, SiteFile, TimingFile
from scudo_agent.config.suggest import or_choices
from scudo_agent.config.wording import faults_of
from scudo_agent.errors import Fault

PLANNED = "planned, not built"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A kind with its settings, and the settings as text for the definition."""

    kind: str
    settings: ProbeSettings
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When a check runs and how often in a row it must be seen (microseconds)."""

    interval: int
    timeout: int
    confirm: int
    recover: int


class CheckReader:
    """Reads the checks of one file; `faults` has what is wrong with them.

    What a profile gives unchanged is read once for all targets that use it.
    """

    def __init__(
        self,
        doc: Document,
        registry: Mapping[str, type[ProbeSettings]],
        *,
        base: Path,
        secrets: bool = True,
    ) -> None:
        self.faults: list[Fault] = []
        # What settings need to know of their file: where its relative paths
        # begin, and whether secrets are to be read.
        self._context = {"base": base, "secrets": secrets}
        self._doc = doc
        self._registry = registry
        self._shared: dict[Loc, Probe | None] = {}
        # Large sites say the same of thousands of checks: settings are frozen, and
        # alike ones are one object.
        self._alike: dict[tuple[str, str], Probe] = {}
        self._beside: dict[Loc, dict[str, int]] = {}
        self._default: Timing | None = None
        self._told: set[tuple[int, int]] = set()

    def probe(self, check: RawCheck) -> Probe | None:
        """The probe of a check, after `profiles`; None when the file is at fault."""
        if check.own_loc is None and check.shared_loc is not None:
            return self._shared.get(check.shared_loc)
        before = len(self.faults)
        probe = self._read(check)
        self.faults[before:] = [
            fault
            for fault in self.faults[before:]
            if (fault.line, fault.column) not in self._told
        ]
        return probe

    def timing(self, check: RawCheck, site: SiteFile, profile: str | None) -> Timing:
        """What holds for a check: the target says more than its profile."""
        target = site.targets.get(check.target)
        shared = site.profiles.get(profile) if profile else None
        said = [
            self._timing_of(check.own, check.own_loc),
            _said(target),
            self._timing_of(check.shared, check.shared_loc),
            _said(shared),
        ]
        if not any(said):
            return self._usual(site)
        values = vars(site.defaults)
        for more in reversed(said):
            values = {**values, **more}
        return Timing(**{key: values[key] for key in BESIDE})

    def _usual(self, site: SiteFile) -> Timing:
        if self._default is None:
            values = vars(site.defaults)
            self._default = Timing(**{key: values[key] for key in BESIDE})
        return self._default

    def profiles(self, profiles: Mapping[str, Any]) -> None:
        """Read the checks of the profiles, used or not, before any target's.

        What is wrong in a profile is told once, as the profile's fault.
        """
        for name, profile in profiles.items():
            for key, value in mapping(mapping(profile).get("checks")).items():
                loc: Loc = ("profiles", name, "checks", key)
                raw = RawCheck(f"{name}/{key}", name, None, None, value, loc)
                self._shared[loc] = self._read(raw)
                self._timing_of(value, loc)
        self._told = {(fault.line, fault.column) for fault in self.faults}

    def heartbeat(self, check: RawCheck) -> HeartbeatFile | None:
        """The heartbeat that a check is, as judging takes it; None if it is none."""
        merged = check.merged() or {}
        if HEARTBEAT not in merged:
            return None
        try:
            return HeartbeatFile.model_validate(merged[HEARTBEAT] or {})
        except ValidationError as exc:
            self.faults += faults_of(
                exc,
                HeartbeatFile,
                describe=lambda inner: describe((*check.loc, HEARTBEAT, *inner)),
                locate=lambda inner, what, key: self._place(
                    check, (HEARTBEAT, *inner), what, key=key
                ),
            )
            return None

    def _timing_of(self, value: Any, loc: Loc | None) -> dict[str, int]:
        if loc is None:
            return {}
        if loc not in self._beside:
            said = as_mapping(value) or {}
            beside = {key: said[key] for key in BESIDE if key in said}
            self._beside[loc] = self._valid_beside(beside, loc) if beside else {}
        return self._beside[loc]

    def _valid_beside(self, beside: dict[str, Any], loc: Loc) -> dict[str, int]:
        try:
            return dict(TimingFile.model_validate(beside).model_dump(exclude_none=True))
        except ValidationError as exc:
            self.faults += faults_of(
                exc,
                TimingFile,
                describe=lambda inner: describe((*loc, *inner)),
                locate=lambda inner, what, key: self._doc.fault(
                    (*loc, *inner), what, key=key
                ),
            )
            return {}

    def _read(self, check: RawCheck) -> Probe | None:
        merged = check.merged()
        if merged is None:
            what = f"{describe(check.loc)} is 'icmp', another probe, or {{icmp: …}}"
            self.faults.append(self._doc.fault(check.loc, what))
            return None
        kind = self._kind(check, merged)
        if kind is None:
            return None
        value = merged[kind]
        if isinstance(value, dict) and ("each" in value or "where" in value):
            key = "each" if "each" in value else "where"
            self._fault(check, (kind, key), f"'each … where' is {PLANNED}", key=True)
            return None
        return self._settings(check, kind, value)

    def _kind(self, check: RawCheck, merged: Mapping[str, Any]) -> str | None:
        known = {*self._registry, HEARTBEAT}
        words = [key for key in merged if key not in BESIDE]
        kinds = [word for word in words if word in known]
        for word in words:
            if word not in known:
                hint = or_choices(
                    word, self._registry, there="the probes are", also=BESIDE
                )
                what = f"'{word}' is no probe and no key of {describe(check.loc)}{hint}"
                self._fault(check, (word,), what, key=True)
        if len(kinds) > 1:
            what = (
                f"{describe(check.loc)} has the probes '{kinds[0]}' and "
                f"'{kinds[1]}'; each is a check of its own"
            )
            self._fault(check, (kinds[1],), what, key=True)
        elif not words:
            what = f"{describe(check.loc)} names no probe" + or_choices(
                "", self._registry, there="the probes are"
            )
            self._fault(check, (), what, key=True)
        elif kinds == [HEARTBEAT]:
            self._fault(check, (HEARTBEAT,), f"a heartbeat is {PLANNED}", key=True)
        elif len(words) == 1:
            return kinds[0] if kinds else None
        return None

    def _settings(self, check: RawCheck, kind: str, value: Any) -> Probe | None:
        model = self._registry[kind]
        base: tuple[str, ...] = (kind,)
        if value is None:
            value = {}
        elif not isinstance(value, dict):
            if model.SHORT is None or isinstance(value, list):
                what = f"{describe((*check.loc, kind))}: keys with values are needed"
                self._fault(check, (kind,), what)
                return None
            value = {model.SHORT: value}
        alike = kind, repr(value)
        if alike in self._alike:
            return self._alike[alike]
        try:
            settings = model.model_validate(value, context=self._context)
        except ValidationError as exc:
            self.faults += faults_of(
                exc,
                model,
                describe=lambda inner: describe((*check.loc, *base, *inner)),
                locate=lambda inner, what, key: self._place(
                    check, (*base, *inner), what, key=key
                ),
            )
            return None
        probe = Probe(kind=kind, settings=settings, text=_canonical(settings))
        self._alike[alike] = probe
        return probe

    def _fault(
        self, check: RawCheck, inner: Loc, what: str, *, key: bool = False
    ) -> None:
        self.faults.append(self._place(check, inner, what, key=key))

    def _place(self, check: RawCheck, inner: Loc, what: str, *, key: bool) -> Fault:
        """At the target's own words if it said this, else at its profile's."""
        locs = [loc for loc in (check.own_loc, check.shared_loc) if loc is not None]
        for loc in locs:
            if self._doc.has((*loc, *inner)):
                return self._doc.fault((*loc, *inner), what, key=key)
        return self._doc.fault((*check.loc, *inner), what, key=key and not inner)


def definition(probe: Probe, timing: Timing, *, beside: Any) -> str:
    """Stable hash of all that changes what a check means.

    `beside` is what the target adds: its address, its credential by reference.
    Settings that have their default are left out, so that a later version with
    one more setting does not restart every confirmation.
    """
    words = [
        probe.kind,
        probe.text,
        [timing.interval, timing.timeout, timing.confirm, timing.recover],
        beside,
    ]
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()[:32]


def _canonical(settings: ProbeSettings) -> str:
    data = settings.model_dump(exclude_defaults=True)
    return json.dumps(data, sort_keys=True, default=_plain)


def _plain(value: Any) -> Any:
    return sorted(map(str, value)) if isinstance(value, set | frozenset) else str(value)


def _said(model: TimingFile | None) -> dict[str, int]:
    if model is None or model.model_fields_set.isdisjoint(BESIDE):
        return {}
    values = {key: getattr(model, key) for key in BESIDE}
    return {key: value for key, value in values.items() if value is not None}


def checked(view: Outline, reader: CheckReader, data: Any) -> dict[str, Probe]:
    """The probes of all checks that are whole."""
    reader.profiles(mapping(mapping(data).get("profiles")))
    found = {path: reader.probe(check) for path, check in view.checks.items()}
    return {path: probe for path, probe in found.items() if probe is not None}
