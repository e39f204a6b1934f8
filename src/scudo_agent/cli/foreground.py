"""An agent in the foreground: a live table, plain lines, or its log alone."""

import asyncio
import logging
import signal
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scudo_agent.agent.app import Agent, Options, running
from scudo_agent.agent.events import Line
from scudo_agent.agent.reload import Reloader
from scudo_agent.cli.common import private, reopening
from scudo_agent.cli.screen import COLOURS, HEAD, SHAPES, Row, Screen, plain, span
from scudo_agent.config.site import Site
from scudo_agent.instant import MINUTE, SECOND, Instant

if TYPE_CHECKING:
    from rich.console import RenderableType

_log = logging.getLogger(__name__)
_REDRAW_S = 0.5
_FIRST_STATES_S = 10.0
_LINES = 12


def where(agent: Agent) -> tuple[str, ...]:
    """Where the desk's page and the metrics of a running agent are."""
    desk = agent.desk.embedded
    login = f"   first login {desk.login_link()} (once)" if desk else ""
    return (
        f"desk     {agent.desk.url}{login}",
        f"metrics  {agent.links['metrics']}/metrics",
    )


Foot = Callable[[Agent], Sequence[str]]
"""The lines below the table, once the agent runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How it shows: `table` (a terminal), `lines` (none) or `log` (a service)."""

    show: str
    minutes: float | None = None
    level: str = "info"
    foot: Foot = lambda _agent: ()


def run_site(site: Site, options: Options, manner: Manner) -> int:
    """Run an agent until Ctrl-C, SIGTERM or the end of its minutes."""
    from scudo_agent import logs

    private()
    if manner.show != "log" and options.log_file is None:
        options.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        options = replace(options, log_file=options.state / "agent.log")
    logs.set_up(file=options.log_file, level=manner.level)
    newest = deque([site], maxlen=1)
    return reopening(lambda: asyncio.run(_run(newest, options, manner)))


class _Hangup:
    """SIGHUP: reload; with a live table its terminal is gone, and that is the end."""

    def __init__(self, stop: Callable[[], None] | None) -> None:
        self._stop = stop
        self._reloader: Reloader | None = None
        self._early = False

    def came(self) -> None:
        """The signal came, perhaps before there is something to reload."""
        if self._stop is not None:
            self._stop()
        elif self._reloader is None:
            self._early = True
        else:
            self._reloader.begin()

    def ready(self, reloader: Reloader) -> None:
        """The agent runs."""
        self._reloader = reloader
        if self._early:
            reloader.begin()


async def _run(newest: deque[Site], options: Options, manner: Manner) -> int:
    """Run until it is told to stop; `newest` is the version that it goes by."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    hangup = _Hangup(stop.set if manner.show == "table" else None)
    loop.add_signal_handler(signal.SIGHUP, hangup.came)
    async with running(newest[-1], options) as agent:
        agent.vital.on_fault(stop.set)
        agent.runtime.on_reload.append(newest.append)
        hangup.ready(agent.reloader)
        if manner.minutes is not None:
            loop.call_later(manner.minutes * MINUTE / SECOND, stop.set)
        show = {"table": _table, "lines": _lines, "log": _logged}[manner.show]
        showing = asyncio.create_task(show(agent, manner, options.log_file))
        showing.add_done_callback(lambda _task: stop.set())
        await agent.runtime.run(stop)
        showing.cancel()
        await asyncio.wait([showing])
        if not showing.cancelled() and (error := showing.exception()):
            raise error
    _log.info("stopped cleanly")
    if manner.show != "log":
        print(f"stopped cleanly; state is kept in {options.state}")
    return 0


async def _logged(agent: Agent, _manner: Manner, _file: Path | None) -> None:
    """A service's log says what the live table would show."""
    screen = Screen(agent.runtime.site.timezone)

    def log(line: Line) -> None:
        said = screen.say(line.detail)
        _log.info("%s %s", line.name, f"{line.word}: {said}" if said else line.word)

    _log.info("desk at %s, metrics at %s", agent.desk.url, agent.links["metrics"])
    agent.events.listeners.append(log)
    try:
        await asyncio.Event().wait()
    finally:
        agent.events.listeners.remove(log)


def _gap(agent: Agent) -> str | None:
    """What a restart left unmeasured, as people say it."""
    gap = agent.runtime.gap_us
    started = agent.runtime.started
    if not gap or started is None:
        return None
    screen = Screen(agent.runtime.site.timezone)
    since = screen.clock(Instant(started - gap))
    length = f"{round(gap / SECOND)} s" if gap < 2 * MINUTE else span(gap)
    return f"{length} not measured: the agent was away from {since} on"


async def _lines(agent: Agent, manner: Manner, log: Path | None) -> None:
    """The table once, when every check has a state; then what happens."""
    screen = Screen(agent.runtime.site.timezone)
    told = 0

    def say(*lines: str) -> None:
        for line in lines:
            print(line, flush=True)

    await _first_states(agent)
    document = agent.status.document()
    say(*filter(None, [_gap(agent)]), *plain(screen.rows(document)))
    say(*manner.foot(agent), *([f"log      {log}"] if log else []))
    while True:
        document = agent.status.document()
        new = [line for line in document["events"] if line["n"] > told]
        say(*screen.events(new))
        told = max((line["n"] for line in new), default=told)
        await asyncio.sleep(_REDRAW_S)


async def _first_states(agent: Agent) -> None:
    """Wait until every check has been seen, at most 10 s."""
    wanted = set(agent.runtime.site.checks)
    pipeline = agent.runtime.pipeline
    all_seen = asyncio.Event()

    def look(_committed: object = None) -> None:
        if wanted <= set(pipeline.seen):
            all_seen.set()

    look()
    pipeline.listeners.append(look)
    try:
        async with asyncio.timeout(_FIRST_STATES_S):
            await all_seen.wait()
    except TimeoutError:
        print("not every check has an answer yet", flush=True)
    finally:
        pipeline.listeners.remove(look)


async def _table(agent: Agent, manner: Manner, log: Path | None) -> None:
    """A live table with the last lines of what happened below it."""
    from rich.console import Console
    from rich.live import Live

    screen = Screen(agent.runtime.site.timezone)
    if (gap := _gap(agent)) is not None:
        print(gap)
    foot = [*manner.foot(agent), *([f"log      {log}"] if log else [])]
    console = Console(highlight=False)
    loop = asyncio.get_running_loop()
    with Live(console=console, auto_refresh=False) as live:
        while True:
            await loop.run_in_executor(None, agent.accounts.freshen)
            document = agent.status.document()
            live.update(_picture(screen, document, foot), refresh=True)
            await asyncio.sleep(_REDRAW_S)


def _least(rows: Sequence[Row]) -> tuple[int, ...]:
    """What each column keeps on a narrow terminal: a state is never cut."""
    state = max((len(row.state) + 2 for row in rows), default=0)
    lasting = max((len(row.for_) for row in rows), default=0)
    last = max((len(row.last) for row in rows), default=0)
    return 12, max(state, 5), max(lasting, 3), max(last, 4), 8, 10


def _picture(
    screen: Screen, document: dict[str, Any], foot: Sequence[str]
) -> "RenderableType":
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    rows = screen.rows(document)
    for title, least in zip(HEAD, _least(rows), strict=True):
        table.add_column(title, no_wrap=True, overflow="ellipsis", min_width=least)
    for row in rows:
        colour = COLOURS.get(row.state, "")
        state = f"{SHAPES.get(row.state, '')} {row.state}".strip()
        table.add_row(
            Text(row.name, style="bold" if row.service else ""),
            Text(state, style=colour),
            row.for_,
            row.last,
            Text(row.seen),
            Text(row.remark, style="yellow"),
        )
    notes = list(screen.head(document))[1:]
    lines = list(screen.events(document["events"]))[-_LINES:]
    # A link that is cut is no link: what stands below wraps, what happened is cut.
    below = [Text(line, overflow="fold") for line in (*notes, *foot)]
    happened = ["", *lines] if lines else []
    below += [Text(x, no_wrap=True, overflow="ellipsis") for x in happened]
    return Group(table, *below)


def show_mode(*, no_table: bool, service: bool = False) -> str:
    """A live table on a terminal; else plain lines, or for a service its log."""
    if sys.stdout.isatty() and not no_table:
        return "table"
    return "log" if service else "lines"
