"""Mutes and pauses that people ordered: kept, in force, ended (`domain.md` 4).

A mute holds tickets back while everything is measured and counted as ever; a pause
stops probing, and what nobody asks is unknown. Both end by themselves, and each is
kept with who ordered it and why.
"""

import secrets
import unicodedata
from collections.abc import Iterator
from dataclasses import replace

from scudo_agent.config.site import Site
from scudo_agent.config.suggest import or_choices
from scudo_agent.errors import InputError
from scudo_agent.instant import DAY, HOUR, SECOND, Instant
from scudo_agent.judge.holds import Hold
from scudo_agent.store.agent_store import AgentStore, wait
from scudo_agent.store.values import Intervention, InterventionKind, Scope

LONGEST_US = 30 * DAY
REASON_LENGTH = 300
_NO_TEXT = ("Cc", "Cs")
"""Control characters, and bytes that were no UTF-8: no store and no mail has them."""
_WORDS = {
    InterventionKind.MUTE: ("muted", "unmute"),
    InterventionKind.PAUSE: ("paused", "resume"),
}
PREFIX = "mute:"
"""Of the ids of holds that mutes make."""


def subject(site: Site, what: str) -> tuple[Scope, str]:
    """What a word on the command line means: a service, a check or a target.

    A service goes before a target of the same name; `target:NAME` says which is
    meant. `InputError` when there is no such thing.
    """
    known = {
        Scope.SERVICE: site.services,
        Scope.CHECK: site.checks,
        Scope.TARGET: site.targets,
    }
    kind, colon, name = what.partition(":")
    for scope, names in known.items():
        if colon and kind == scope and name in names:
            return scope, name
        if what in names:
            return scope, what
    words = [name for names in known.values() for name in names]
    hint = or_choices(what, words, there="there are")
    raise InputError(f"'{what}' is no service, target or check of {site.id}{hint}")


def checks_of(site: Site, scope: Scope, name: str) -> tuple[str, ...]:
    """The checks that it is about; none when the site has no such thing any more."""
    if scope is Scope.SERVICE:
        service = site.services.get(name)
        return () if service is None else service.checks
    if scope is Scope.CHECK:
        return (name,) if name in site.checks else ()
    return tuple(p for p, check in site.checks.items() if check.target.id == name)


class Interventions:
    """The mutes and pauses of one agent that are in force at `since` or later."""

    def __init__(self, site: Site, store: AgentStore, *, since: Instant) -> None:
        self._site = site
        self._store = store
        self._known = {one.id: one for one in store.reader.interventions(since)}

    def use(self, site: Site) -> None:
        """Go by another version of the site file."""
        self._site = site

    def known(self, id_: str) -> Intervention | None:
        """One by its id, if it is remembered still."""
        return self._known.get(id_)

    def in_force(
        self, at: Instant, kind: InterventionKind | None = None
    ) -> list[Intervention]:
        """Those that hold at an instant, in the order of their beginning.

        Of two that began at one instant, the one with the smaller id is first: the
        order is the same after a restart.
        """
        holding = (one for one in self._known.values() if one.at(at))
        mine = (one for one in holding if kind in (None, one.kind))
        return sorted(mine, key=lambda one: (one.since, one.id))

    def holds(self, at: Instant) -> Iterator[Hold]:
        """What the mutes hold back that are not over at `at`: a service as a window
        does, a target's checks and a check by name."""
        for one in self._known.values():
            if one.kind is not InterventionKind.MUTE or one.end <= at:
                continue
            service = one.scope is Scope.SERVICE
            yield Hold(
                id=PREFIX + one.id,
                start=one.since,
                end=one.end,
                services=(one.name,) if service else (),
                checks=() if service else checks_of(self._site, one.scope, one.name),
            )

    def paused(self, at: Instant) -> frozenset[str]:
        """The checks that are not probed."""
        return frozenset(
            path
            for one in self.in_force(at, InterventionKind.PAUSE)
            for path in checks_of(self._site, one.scope, one.name)
        )

    def next_pause_end(self, at: Instant) -> Instant | None:
        """When the next pause ends by itself."""
        pauses = self.in_force(at, InterventionKind.PAUSE)
        return min((one.end for one in pauses), default=None)

    async def begin(
        self, kind: InterventionKind, what: str, *, for_us: int, reason: str, actor: str
    ) -> Intervention:
        """Keep a new one, in force from now on; `InputError` for what cannot be."""
        scope, name = subject(self._site, what)
        reason = " ".join(reason.split())
        if not reason:
            raise InputError("a reason is needed: --reason 'what is being done'")
        if len(reason) > REASON_LENGTH:
            raise InputError(f"the reason is longer than {REASON_LENGTH} characters")
        if any(unicodedata.category(sign) in _NO_TEXT for sign in reason):
            raise InputError("the reason holds what is no text: bytes or control signs")
        if not SECOND <= for_us <= LONGEST_US:
            raise InputError("the time is from 1 s to 30 days, such as 2h or 3d")
        now = self._store.timeline.now()
        self._refuse_shorter(kind, scope, name, until=Instant(now + for_us))
        order = Intervention(
            id=secrets.token_hex(4),
            kind=kind,
            scope=scope,
            name=name,
            since=now,
            until=Instant(now + for_us),
            reason=reason,
            actor=actor,
        )
        await wait(self._store.intervene(order))
        self._forget(now)
        self._known[order.id] = order
        return order

    def _refuse_shorter(
        self, kind: InterventionKind, scope: Scope, name: str, *, until: Instant
    ) -> None:
        """What ends before one that holds already would change nothing."""
        for one in self.in_force(until, kind):
            if (one.scope, one.name) == (scope, name):
                done, end = _WORDS[kind]
                raise InputError(
                    f"'{name}' is {done} for longer already, by {one.actor}: "
                    f"{one.reason}; to shorten that, {end} it first"
                )

    async def end(
        self, kind: InterventionKind, what: str, *, actor: str
    ) -> list[Intervention]:
        """End all of this kind about just this; `InputError` when there is none."""
        scope, name = subject(self._site, what)
        now = self._store.timeline.now()
        in_force = self.in_force(now, kind)
        found = [one for one in in_force if (one.scope, one.name) == (scope, name)]
        done, _ = _WORDS[kind]
        if not found:
            # A service and a target may have one name.
            others = ", ".join(
                dict.fromkeys(
                    f"{one.scope}:{name}" if one.name == name else one.name
                    for one in in_force
                )
            )
            hint = f"; {others} is" if others else ""
            raise InputError(f"'{name}' is not {done}{hint}")
        for one in found:
            await wait(self._store.end_intervention(one.id, now, actor))
            self._known[one.id] = replace(one, ended=now, ended_by=actor)
        return [self._known[one.id] for one in found]

    def _forget(self, now: Instant) -> None:
        """Tickets that waited for the end of one have been written by then."""
        for one in [one for one in self._known.values() if one.end < now - HOUR]:
            del self._known[one.id]
