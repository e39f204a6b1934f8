"""Wires one running agent: store, runtime, desk, delivery, metrics, calendar.

Everything that can refuse (files, locks, ports) is opened before the first
probe; when one refuses, what was opened before it is closed again.
"""

import asyncio
import gc
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from scudo_agent.agent.account_watch import AccountWatch
from scudo_agent.agent.adoption import Adopter
from scudo_agent.agent.announce import announce
from scudo_agent.agent.backlog import Backlog
from scudo_agent.agent.contracts import ContractWatch, with_kept
from scudo_agent.agent.control import Control
from scudo_agent.agent.desks import (
    DeskEnd,
    WatchedDesk,
    bind_embedded,
    desk_settings,
    embedded_end,
    enrol_again,
    remote_end,
)
from scudo_agent.agent.document import Document, text_of
from scudo_agent.agent.events import EventLog
from scudo_agent.agent.intervention_news import InterventionNews
from scudo_agent.agent.key_renewal import KeyRenewal
from scudo_agent.agent.marks import more_descriptors
from scudo_agent.agent.measures import Measures, in_loop
from scudo_agent.agent.notices import NoticeWatch
from scudo_agent.agent.ordering import Ordering
from scudo_agent.agent.probing import EngineFactory
from scudo_agent.agent.record import record_into
from scudo_agent.agent.reload import Reloader
from scudo_agent.agent.runtime import Runtime
from scudo_agent.agent.screenshots import begin
from scudo_agent.agent.status import StatusView
from scudo_agent.agent.taken import keep_taken
from scudo_agent.agent.telemetry import Telemetry
from scudo_agent.agent.unstored import Unstored
from scudo_agent.agent.vital import Vital, guard
from scudo_agent.calendar_jobs import CalendarJob, CalendarJobs
from scudo_agent.clock import Clock, SystemClock
from scudo_agent.config import load
from scudo_agent.config.desk_answer import PATH
from scudo_agent.config.site import Site
from scudo_agent.contract.year import kept_since
from scudo_agent.daily_backup import DailyBackup
from scudo_agent.deliver import Delivery, DeliveryEvent
from scudo_agent.instant import HOUR
from scudo_agent.pipeline import Committed
from scudo_agent.probes.registry import SETTINGS, engine
from scudo_agent.store.agent_store import AgentStore, wait
from scudo_agent.store.backup import AGENT
from scudo_agent.ticketing.port import TicketSystem
from scudo_agent.wire import HelloReply


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How an agent is to run; `desk_file` is for an embedded desk.

    `simulated` writes to the store without a thread and serves nothing: the desk
    is reached in the same process.
    """

    state: Path
    desk_file: Path
    metrics: tuple[str, int] = ("127.0.0.1", 9464)
    record: Path | None = None
    log_file: Path | None = None
    clock: Clock | None = None
    engines: EngineFactory = engine
    rng: random.Random | None = None
    simulated: bool = False


class Agent:
    """One wired agent; made by `running`, used by the screen and by tests."""

    def __init__(
        self, runtime: Runtime, desk: DeskEnd, rng: random.Random, *, vital: Vital
    ) -> None:
        self.runtime = runtime
        self.desk = desk
        self.links: Document = {"desk": desk.url}
        self.events = EventLog(runtime.site, runtime.judge)
        self.notices = NoticeWatch(
            desk.reader, self.events, now=lambda: runtime.timeline.now()
        )
        self.vital = vital
        self.reloader: Reloader
        self.accounts = AccountWatch(runtime)
        self.backlog = Backlog(runtime.store.reader)
        for row in runtime.store.reader.status().incidents:
            if row.ticket_ref is not None:
                self.notices.tickets[row.incident_id] = row.ticket_ref
        self.on_delivery: list[Callable[[DeliveryEvent], None]] = []
        self.on_hello: list[Callable[[HelloReply], None]] = [
            lambda reply: runtime.windows.heard(reply.windows_revision, desk.reader)
        ]
        self.renewal = KeyRenewal(desk.keys, desk.client, desk.key_file)
        self.on_hello.append(self.renewal.heard)
        self.news = InterventionNews(
            desk.reader,
            lambda: runtime.interventions.in_force(runtime.timeline.now()),
        )
        self.on_hello.append(self.news.greeted)
        self.contracts: ContractWatch | None = None
        client: TicketSystem = desk.client
        if desk.embedded is None:
            client = WatchedDesk(client, runtime.report)
            runtime.on_wish.append(self._greet_desk)
            self.contracts = ContractWatch(runtime, desk.reader)
            self.on_hello.append(self.contracts.heard)
        adopter = Adopter(runtime, desk.reader, self.notices.tickets)
        self.delivery = Delivery(
            runtime.store,
            client,
            runtime.clock,
            rng=rng,
            on_event=self._delivered,
            on_hello=self._greeted,
            adopt=adopter.adopt,
            config_hash=runtime.site.config_hash,
            unstored=Unstored(runtime).said,
        )
        self.status = StatusView(
            runtime,
            self.events,
            desk=self._desk_status,
            links=lambda: self.links,
            tickets=self.notices.tickets,
            accounts=self.accounts.latest,
        )

    def reloaded(self, site: Site) -> None:
        """Another version of the site file holds."""
        self.events.use(site)
        if site.desk.key is not None:
            self.desk.keys.use(site.desk.key)
        self.delivery.config_hash = site.config_hash
        self.delivery.greet_now()

    def _greet_desk(self, wanted: Sequence[str]) -> None:
        if PATH in wanted:
            self.delivery.greet_now()

    def _delivered(self, event: DeliveryEvent) -> None:
        for listener in self.on_delivery:
            listener(event)

    def _greeted(self, reply: HelloReply) -> None:
        for listener in self.on_hello:
            listener(reply)

    def _desk_status(self) -> Document:
        state = self.delivery.state
        outbox, ledger = self.backlog.status, self.backlog.ledger
        return {
            "url": self.desk.url,
            "embedded": self.desk.embedded is not None,
            "connected": state.connected,
            "mode": state.mode,
            "key": {
                "in": self.desk.keys.present.reference,
                "since": text_of(state.key_since),
                "due": state.key_due,
                "renews_itself": self.desk.key_file is not None,
            },
            "error": state.error.to_json() if state.error else None,
            "waiting": outbox.head_seq - outbox.acked_seq,
            "waiting_ledger": ledger.head_seq - ledger.acked_seq,
        }


OnReady = Callable[[Agent], None]


@asynccontextmanager
async def running(site: Site, options: Options) -> AsyncIterator[Agent]:
    """A started agent; leaving the block stops it cleanly.

    `ScudoError` then if a task ended without which it is none (`Agent.vital`).
    """
    clock = options.clock or SystemClock()
    more_descriptors()
    async with AsyncExitStack() as stack:
        store = AgentStore.open(
            options.state, site=site.id, clock=clock, inline=options.simulated
        )
        stack.callback(store.close)
        if not options.simulated:
            store.keep_reserve()
        recorder = record_into(options.record, store.timeline.now())
        if recorder is not None:
            stack.callback(recorder.close)
        telemetry = _telemetry(site, options, stack)
        vital = guard(store)
        desk = await _desk(site, options, clock, stack, vital=vital)
        runtime = Runtime(
            with_kept(site, store.reader),
            store,
            clock,
            engines=options.engines,
            recorder=recorder,
        )
        agent = Agent(runtime, desk, options.rng or random.Random(), vital=vital)
        _measure(agent, telemetry, options.state)
        await runtime.start()
        stack.push_async_callback(runtime.close)
        agent.accounts.begin(stack)
        await _deliver(agent, stack)
        if not options.simulated:
            count = telemetry.metrics.screenshot
            shots = begin(runtime, desk.client, options.state, stack, count=count)
            agent.on_delivery.append(shots.delivered)
        _calendar(agent, options, stack)
        agent.reloader = telemetry.reloader = _reloader(agent, options, stack)
        if telemetry.server is not None:
            telemetry.server.start()
            agent.links["metrics"] = telemetry.server.url
        await _listen(agent, options, stack)
        where: Document = {
            "metrics": agent.links.get("metrics"),
            "desk": agent.desk.url,
            # Not its public name, which may lead through a proxy.
            "desk_address": desk.embedded.address if desk.embedded else None,
            "log": str(options.log_file) if options.log_file else None,
        }
        stack.callback(announce(options.state, where))
        if not options.simulated:
            # What was loaded stays: collections need not look at it again.
            gc.freeze()
            gc.enable()
        yield agent
        agent.vital.check()


def _telemetry(site: Site, options: Options, stack: AsyncExitStack) -> Telemetry:
    telemetry = Telemetry(site, None if options.simulated else options.metrics)
    if telemetry.server is not None:
        stack.callback(telemetry.server.close)
    return telemetry


def _reloader(agent: Agent, options: Options, stack: AsyncExitStack) -> Reloader:
    """What reloads the site file: enrolled anew, then gone by."""
    reloader = Reloader(
        agent.runtime,
        agent.events,
        load=lambda: load(agent.runtime.site.path, SETTINGS),
        enrol=lambda site: enrol_again(agent.desk, site, options.state),
        recording=options.record is not None,
    )
    keep_taken(options.state, agent.runtime.site)
    agent.runtime.on_reload += [agent.reloaded, partial(keep_taken, options.state)]
    stack.push_async_callback(reloader.close)
    return reloader


async def _desk(
    site: Site,
    options: Options,
    clock: Clock,
    stack: AsyncExitStack,
    *,
    vital: Vital,
) -> DeskEnd:
    if site.desk.url is not None:
        end = remote_end(site)
    else:
        serve = not options.simulated
        settings = desk_settings(options.desk_file, options.state)
        desk = bind_embedded(settings, clock, serve=serve)
        stack.push_async_callback(desk.close)
        await desk.start()
        if serve:
            serving = asyncio.create_task(desk.serve(), name="desk")
            # Closing the desk ends the task; what it raises is the loop's to log.
            stack.push_async_callback(asyncio.wait, [serving], timeout=0)
            stack.callback(vital.watch(serving))
        end = await embedded_end(desk, site, options.state, serve=serve)
    stack.push_async_callback(end.client.close)
    stack.push_async_callback(end.reader.close)
    return end


def _measure(agent: Agent, telemetry: Telemetry, state: Path) -> None:
    """Let screen, metrics and delivery hear what is committed."""
    runtime = agent.runtime
    measures = Measures(
        runtime,
        telemetry.metrics,
        delivery=lambda: agent.delivery.state,
        backlog=agent.backlog,
        state=state,
    )

    def committed(done: Committed) -> None:
        measures.committed(done)
        agent.events.committed(done)
        if done.stages:
            agent.delivery.wake()
        if done.stages or done.batch.changes:
            agent.backlog.changed()

    def delivered(event: DeliveryEvent) -> None:
        telemetry.metrics.delivered(event.kind.value)
        agent.notices.delivered(event)
        agent.backlog.changed()

    runtime.pipeline.listeners.append(committed)
    agent.on_delivery.append(delivered)
    runtime.on_fire.append(measures.fired)
    runtime.on_step.append(measures.stepped)
    runtime.on_refused.append(measures.refused)
    telemetry.metrics.source = agent.accounts.with_accounts(
        lambda: in_loop(telemetry.loop, measures.snapshot)
    )
    telemetry.agent = agent


async def _deliver(agent: Agent, stack: AsyncExitStack) -> None:
    delivering = asyncio.create_task(agent.delivery.run(), name="delivery")

    async def stop() -> None:
        delivering.cancel()
        await asyncio.wait([delivering])
        await agent.notices.close()
        await agent.runtime.windows.close()
        await agent.news.close()
        await agent.renewal.close()
        if agent.contracts is not None:
            await agent.contracts.close()
        await agent.backlog.close()

    stack.push_async_callback(stop)
    stack.callback(agent.vital.watch(delivering))


def _calendar(agent: Agent, options: Options, stack: AsyncExitStack) -> None:
    async def keep_house() -> None:
        contract = agent.runtime.site.contract
        reopen_us = contract.tickets.reopen_us if contract else 4 * HOUR
        since = kept_since(contract, agent.runtime.timeline.now())
        await wait(agent.runtime.store.house_keep(reopen_us, since=since))

    planned = [CalendarJob(name="keep-house", cron="10 3 * * *", action=keep_house)]
    if not options.simulated:
        daily = DailyBackup(options.state, AGENT, agent.runtime.timeline.now)
        daily.begin()
        stack.callback(daily.close)
        planned.append(daily.job())
    jobs = CalendarJobs(planned, timezone=agent.runtime.site.timezone)
    jobs.start()
    stack.callback(jobs.close)
    agent.runtime.on_step.append(lambda _step: jobs.rearm())


async def _listen(agent: Agent, options: Options, stack: AsyncExitStack) -> None:
    """Take orders of people, once there is something to order."""
    if options.simulated:
        return
    ordering = Ordering(
        agent.runtime,
        agent.events,
        agent.notices.tickets,
        greet=agent.delivery.greet_now,
    )
    handlers = {**ordering.handlers(), "reload": agent.reloader.asked}
    if agent.desk.embedded is not None:
        from scudo_agent.desk.orders import Orders  # with a remote desk not needed

        handlers |= Orders(agent.desk.embedded).orders()
    control = Control(options.state, handlers)
    await control.start()
    stack.push_async_callback(control.close)


async def serve(
    site: Site, options: Options, *, stop: asyncio.Event, on_ready: OnReady
) -> None:
    """Run an agent until `stop` is set."""
    async with running(site, options) as agent:
        agent.vital.on_fault(stop.set)
        on_ready(agent)
        await agent.runtime.run(stop)
