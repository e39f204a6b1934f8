"""Another version of the site file for a running agent (`reliability.md` 1.5, K1).

All or nothing: what is wrong with the file, what cannot be taken at run time and what
would take many checks away at once leaves the old version running, and says so in the
log, the status and the metrics.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from scudo_agent.agent.contracts import with_kept
from scudo_agent.agent.document import Document
from scudo_agent.agent.events import EventLog
from scudo_agent.agent.forecasts import measures
from scudo_agent.agent.runtime import Runtime
from scudo_agent.config.differences import (
    MANY_PERCENT,
    Changes,
    Differences,
    differences,
)
from scudo_agent.config.judging import judging_site
from scudo_agent.config.site import Site
from scudo_agent.errors import ConfigError, InputError, ScudoError, StoreError
from scudo_agent.instant import Instant, format_instant
from scudo_agent.store.agent_store import wait
from scudo_agent.text import T

NAMED = 50
"""Names of each sort that an answer lists, at most; the rest is counted."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """What came of a wish to reload; `why` are lines, empty when it was done.

    `code` is the exit code that this is for a command. `differences` are None when
    the file could not be read.
    """

    at: Instant
    why: tuple[str, ...] = ()
    code: int = 0
    differences: Differences | None = None

    @property
    def done(self) -> bool:
        """Whether the agent goes by the file as it is now."""
        return not self.why


class Reloader:
    """Reloads the site file of one running agent, one wish after the other.

    `load` reads the file, `enrol` tells an embedded desk what is in it; `recording`
    says that the events are recorded, for which one file must do.
    """

    def __init__(
        self,
        runtime: Runtime,
        events: EventLog,
        *,
        load: Callable[[], Site],
        enrol: Callable[[Site], Awaitable[None]],
        recording: bool,
    ) -> None:
        self._runtime = runtime
        self._events = events
        self._load = load
        self._enrol = enrol
        self._recording = recording
        self._one = asyncio.Lock()
        self._wishes: set[asyncio.Task[Reloaded]] = set()

    def begin(self, *, yes: bool = False) -> "asyncio.Task[Reloaded]":
        """Begin to reload; it ends whether somebody waits for it or not."""
        task = asyncio.get_running_loop().create_task(self.reload(yes=yes))
        self._wishes.add(task)
        task.add_done_callback(self._wishes.discard)
        return task

    async def asked(self, request: Document, actor: str) -> Document:
        """Somebody asked for it with a command; the answer tells all of it."""
        _log.info("%s asks to reload the site file", actor)
        return answer_of(
            await asyncio.shield(self.begin(yes=request.get("yes") is True))
        )

    async def reload(self, *, yes: bool = False) -> Reloaded:
        """Go by the file as it is now, or say why not.

        `yes`: also when that takes more than a fifth of the checks away.
        """
        async with self._one:
            result = await self._try(yes=yes)
        taken = self._runtime.file_taken
        taken.why, taken.refused_at = result.why, None
        if result.done:
            taken.at = result.at
        else:
            taken.refused_at = result.at
        self._tell(result)
        return result

    async def close(self) -> None:
        """Wait for what is under way; nothing is left half done."""
        if self._wishes:
            await asyncio.wait(self._wishes)

    async def _try(self, *, yes: bool) -> Reloaded:
        loop, runtime = asyncio.get_running_loop(), self._runtime
        result = Reloaded(at=runtime.timeline.now())
        try:
            site = await loop.run_in_executor(None, self._load)
            site = with_kept(site, runtime.store.reader)
            found = differences(runtime.site, site)
            result = replace(result, differences=found)
            self._refuse(site, found, yes=yes)
            if found or site.config_hash != runtime.site.config_hash:
                await self._take(site)
        except ConfigError as exc:
            faults = tuple(map(str, exc.faults))
            return replace(result, why=faults, code=exc.exit_code)
        except ScudoError as exc:
            return replace(result, why=(str(exc),), code=exc.exit_code)
        return result

    def _refuse(self, site: Site, found: Differences, *, yes: bool) -> None:
        """Say what this agent cannot do while it runs, or not without a yes."""
        if found.restart:
            raise ScudoError(f"needs a restart: {', '.join(found.restart)} changed")
        gone, before = len(found.checks.deleted), found.checks_before
        if found.removes_many and not yes:
            raise InputError(
                f"this takes {gone} of {before} checks away, more than "
                f"{MANY_PERCENT} %; if that is meant: scudo-agent reload --yes"
            )
        rules, old = judging_site(site), judging_site(self._runtime.site)
        if self._recording and replace(rules, reopen_us=old.reopen_us) != old:
            raise ScudoError(
                "needs a restart: the events are recorded (--record), and one record "
                "is of one version of the site file"
            )

    async def _take(self, site: Site) -> None:
        runtime = self._runtime
        try:
            prepared = await runtime.probing.prepare(site)
        except OSError as exc:
            raise ScudoError(f"a probe cannot begin: {exc}") from None
        try:
            await self._enrol(site)
            unused = await runtime.reload(prepared)
        except ScudoError:
            for engine in prepared.engines.values():
                await engine.close()
            raise
        for engine in unused:
            await engine.close()
        try:
            await wait(runtime.store.keep_hours(measures(site)))
        except StoreError as exc:
            _log.warning("hours of checks that are gone stay until a start: %s", exc)

    def _tell(self, result: Reloaded) -> None:
        if not result.done:
            for line in result.why:
                _log.error("the site file is not taken: %s", line)
            _log.error("the agent goes on with the version that it had")
            said = T("the agent goes on with the version that it had")
            self._events.add(result.at, "site file", "not taken", detail=said)
            return
        found = result.differences
        if not found:
            _log.info("the site file was read again: nothing is different")
            return
        checks = found.checks
        counts = {
            "new": len(checks.new),
            "changed": len(checks.changed),
            "deleted": len(checks.deleted),
        }
        _log.info("the site file was reloaded: %s", "; ".join(summary(found)))
        if self._runtime.pipeline.commit_error is not None:
            _log.warning("what the reload changed waits for the store, and goes on")
        said = T("checks: {new} new, {changed} changed, {deleted} removed", **counts)
        self._events.add(result.at, "site file", "reloaded", detail=said)


def summary(found: Differences) -> list[str]:
    """What is different, a line each, with names as far as they fit."""
    lines = []
    for what, changes in (("checks", found.checks), ("services", found.services)):
        for word, names in _sorts(changes):
            lines.append(f"{what} {word} ({len(names)}): {_listed(names)}")
    if found.other:
        lines.append(f"also: {', '.join(found.other)}")
    return lines


def answer_of(result: Reloaded) -> Document:
    """What somebody is told who wished for it."""
    found = result.differences
    return {
        "at": format_instant(result.at),
        "done": result.done,
        "why": list(result.why[:NAMED]),
        "left_out": max(len(result.why) - NAMED, 0),
        "code": result.code,
        "differences": _difference_document(found) if found else None,
        "lines": summary(found) if found else [],
    }


def _difference_document(found: Differences) -> Document:
    sorts = {"checks": found.checks, "services": found.services}
    return {
        **{
            what: {word: list(names[:NAMED]) for word, names in _sorts(changes)}
            for what, changes in sorts.items()
        },
        "counts": {
            what: {word: len(names) for word, names in _sorts(changes)}
            for what, changes in sorts.items()
        },
        "other": list(found.other),
        "restart": list(found.restart),
    }


def _sorts(changes: Changes) -> list[tuple[str, tuple[str, ...]]]:
    sorts = (
        ("new", changes.new),
        ("changed", changes.changed),
        ("removed", changes.deleted),
    )
    return [(word, names) for word, names in sorts if names]


def _listed(names: tuple[str, ...]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
