"""`snmp`: one value of a device, by SNMP v1, v2c or v3.

gufo-snmp polls (`snmp_session`), pysnmp resolves names (`snmp_names`) and tells
apart what is wrong with an SNMPv3 user (`snmp_diagnose`).
"""

import asyncio
import difflib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from scudo_agent.config.probe import Ahead, Model, ProbeSettings
from scudo_agent.instant import SECOND
from scudo_agent.model import Limit, Outcome, Trend
from scudo_agent.probes.connect import host_port
from scudo_agent.probes.port import Job, Report
from scudo_agent.probes.simple import run_once
from scudo_agent.probes.snmp_names import SnmpObject, resolve
from scudo_agent.probes.snmp_value import Expected, Raw, Wanted, read, word
from scudo_agent.text import Text

if TYPE_CHECKING:
    from scudo_agent.probes.snmp_session import Answer, Sessions

BATCH = 16
"""Objects that are asked for in one request, if they are due together."""


class SnmpLimits(Model):
    """Bounds on the value; crossed beyond, not at, the bound."""

    above: float | None = None
    below: float | None = None

    def limits(self) -> tuple[Limit, ...]:
        """The bounds that are set."""
        sides = ((self.above, True), (self.below, False))
        return tuple(
            Limit(value="value", bound=bound, above=above)
            for bound, above in sides
            if bound is not None
        )


class SnmpSettings(ProbeSettings):
    """`{snmp: {get: IF-MIB::ifOperStatus.2, expect: up}}`."""

    KIND: ClassVar[str] = "snmp"
    SHORT: ClassVar[str | None] = "get"
    CREDENTIAL: ClassVar[str | None] = "snmp"

    get: str | None = None
    """A name of the standard MIBs with its index, or an OID in numbers."""
    each: str | None = None
    """A column: one check a row (planned, not built)."""
    where: Mapping[str, str] | None = None
    """Which rows of `each`: a column and a pattern."""
    expect: Expected | tuple[Expected, ...] | None = None
    """The value, or a list of which it must be one."""
    min: float | None = None
    """The smallest value that is as it should be."""
    max: float | None = None
    """The largest value that is as it should be."""
    port: Annotated[int, Field(ge=1, le=65535)] = 161
    degraded: SnmpLimits = SnmpLimits()
    warn: SnmpLimits = SnmpLimits()
    forecast: Ahead | None = None
    """A forecast when a bound of `degraded`, else `warn`, will be reached within
    this time."""

    @field_validator("get")
    @classmethod
    def _is_an_object(cls, get: str | None) -> str | None:
        if get is not None:
            resolve(get)
        return get

    @field_validator("expect")
    @classmethod
    def _can_be(
        cls, expect: Expected | tuple[Expected, ...] | None, info: ValidationInfo
    ) -> Expected | tuple[Expected, ...] | None:
        get = info.data.get("get")
        if get is not None:
            for one in _listed(expect):
                _check_expected(resolve(get), one)
        return expect

    @field_validator("forecast")
    @classmethod
    def _has_a_limit(cls, ahead: float | None, info: ValidationInfo) -> float | None:
        bounds = [info.data.get(name) for name in ("degraded", "warn")]
        known = [each.limits() for each in bounds if isinstance(each, SnmpLimits)]
        if ahead is not None and len(known) == 2 and not any(known):
            raise ValueError("needs a limit to run into; such as warn: {above: 80}")
        return ahead

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.get is None) == (self.each is None):
            raise ValueError("needs one of 'get' (one object) and 'each' (a column)")
        if self.where is not None and self.each is None:
            raise ValueError("'where' chooses rows of 'each', which is not there")
        if self.expect is not None and (self.min is not None or self.max is not None):
            raise ValueError("'expect' and 'min' or 'max' exclude each other")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"'min' ({self.min:g}) is greater than 'max'")
        return self

    @cached_property
    def wanted(self) -> Wanted:
        """What is asked for and what it should be."""
        if self.get is None:
            raise TypeError("'each' has no single object")
        limits = (*self.degraded.limits(), *self.warn.limits())
        return Wanted(
            asked=resolve(self.get),
            expect=_listed(self.expect),
            lowest=self.min,
            highest=self.max,
            numeric=bool(limits),
        )

    @cached_property
    def expected(self) -> Text:
        """What is asked for, in words."""
        return self.wanted.words()

    def degraded_limits(self) -> tuple[Limit, ...]:
        """Limits of `degraded`."""
        return self.degraded.limits()

    def warn_limits(self) -> tuple[Limit, ...]:
        """Limits of `warn`."""
        return self.warn.limits()

    def trend(self, address: str | None) -> Trend | None:
        """Towards the bounds of `degraded`, else those of `warn`."""
        if self.forecast is None:
            return None
        return Trend(
            limits=self.degraded_limits() or self.warn_limits(),
            within_us=round(self.forecast * SECOND),
            measure=f"snmp {self.endpoint(address)}",
        )

    def endpoint(self, address: str | None) -> str:
        """The device and the object."""
        return f"{host_port(address or '', self.port)} {self.get or self.each}"

    def reproduce(self, address: str | None) -> str:
        """The same question asked by net-snmp, without the credentials."""
        to = host_port(address or "", self.port)
        asked = resolve(self.get).oid if self.get else self.each
        return f"snmpget -v … {to} {asked}"


def _listed(expect: Expected | tuple[Expected, ...] | None) -> tuple[Expected, ...]:
    if expect is None:
        return ()
    return expect if isinstance(expect, tuple) else (expect,)


def _check_expected(asked: SnmpObject, one: Expected) -> None:
    """Refuse a word or number that is no value of an enumerated object."""
    if not asked.words:
        return
    known = list(asked.words.values())
    if word(one) in known or (one in asked.words and not isinstance(one, bool)):
        return
    near = difflib.get_close_matches(word(one), known, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    raise ValueError(
        f"'{word(one)}' is no value of {asked.name}, "
        f"which is one of {', '.join(known)}{hint}"
    )


@dataclass(frozen=True, slots=True)
class _Due:
    """A job with what it asks for, looked up once."""

    job: Job
    settings: SnmpSettings
    asked: SnmpObject


class SnmpEngine:
    """Polls devices; objects of one device that are due together share a request.

    Sessions (sockets, SNMPv3 engines and keys) are kept between runs, `limit`
    bounds the requests under way.
    """

    def __init__(self, *, limit: int = 500) -> None:
        self._limit = limit
        self._report: Report | None = None
        self._sessions: Sessions | None = None
        self._waiting: deque[list[_Due]] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._grades: dict[str, _Grade] = {}

    async def start(self, report: Report) -> None:
        """Load gufo-snmp and take the callback."""
        from scudo_agent.probes.snmp_session import Sessions

        self._report = report
        self._sessions = Sessions()

    def submit(self, jobs: Sequence[Job]) -> None:
        """Begin a run of each job, as far as the limit allows."""
        self._waiting.extend(_grouped(jobs))
        self._fill()

    async def close(self) -> None:
        """Cancel what runs, without a report, and close the sessions."""
        self._report = None
        self._waiting.clear()
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if self._sessions is not None:
            await self._sessions.close()

    def _fill(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting and len(self._running) < self._limit:
            task = loop.create_task(self._run(self._waiting.popleft()))
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if self._report is not None:
            self._fill()

    async def _run(self, group: list[_Due]) -> None:
        outcomes: list[Outcome] = []

        async def poll(first: Job) -> Outcome:
            assert self._sessions is not None
            oids = [due.asked.oid for due in group]
            answer = await self._sessions.get(first, group[0].settings.port, oids)
            outcomes.extend([self._graded(due, answer) for due in group])
            return outcomes[0]

        failed = await run_once(poll, group[0].job)
        if self._report is None:
            return
        if not outcomes:
            outcomes = [
                replace(failed, expected=due.settings.expected) for due in group
            ]
        for due, outcome in zip(group, outcomes, strict=True):
            self._report(due.job.check, outcome)

    def _graded(self, due: _Due, answer: "Answer") -> Outcome:
        """The outcome of one job; a value that didn't change is not judged again."""
        raw = answer.values.get(due.asked.oid)
        last = self._grades.get(due.job.check)
        if last is None or not last.speaks_for(due.settings, raw, answer.version):
            last = _grade(due.settings, raw, answer.version)
            self._grades[due.job.check] = last
        return Outcome(
            answered=last.right,
            seen=last.seen,
            expected=due.settings.expected,
            values=last.values,
            duration_s=answer.took_s,
        )


@dataclass(frozen=True, slots=True)
class _Grade:
    """What a value means to a check's settings."""

    settings: SnmpSettings
    raw: Raw
    version: str
    right: bool
    seen: Text
    values: Mapping[str, float]

    def speaks_for(self, settings: SnmpSettings, raw: Raw, version: str) -> bool:
        """Whether it is of these settings and this very value."""
        return (
            self.settings is settings
            and self.version == version
            and type(self.raw) is type(raw)
            and self.raw == raw
        )


def _grade(settings: SnmpSettings, raw: Raw, version: str) -> _Grade:
    want = settings.wanted
    if raw is None:
        return _Grade(settings, raw, version, False, want.missing(version), {})
    reading = read(want.asked, raw)
    right, seen = want.judge(reading, version=version)
    values = {} if reading.number is None else {"value": float(reading.number)}
    return _Grade(settings, raw, version, right, seen, values)


def _grouped(jobs: Sequence[Job]) -> list[list[_Due]]:
    """Jobs of one device, credential and deadline together, in `BATCH`es.

    SNMPv1 answers a request with one unknown object by no value at all, so its
    jobs stay alone.
    """
    groups: dict[object, list[_Due]] = {}
    for job in jobs:
        settings = job.settings
        if not isinstance(settings, SnmpSettings) or job.address is None:
            raise TypeError(f"{job.check} is no job of the snmp probe")
        due = _Due(job, settings, settings.wanted.asked)
        key: object = (job.address, settings.port, id(job.credential), job.timeout_s)
        if getattr(job.credential, "version", None) == 1:
            key = job.check
        groups.setdefault(key, []).append(due)
    return [
        group[at : at + BATCH]
        for group in groups.values()
        for at in range(0, len(group), BATCH)
    ]
