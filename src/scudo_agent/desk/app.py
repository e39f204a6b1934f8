"""The desk's composition root: one running desk, by itself or in an agent."""

import asyncio
import contextlib
import logging
import random
import secrets
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from scudo_agent.calendar_jobs import CalendarJobs
from scudo_agent.clock import Clock
from scudo_agent.config.contract_body import Body
from scudo_agent.config.site import Site
from scudo_agent.daily_backup import DailyBackup
from scudo_agent.desk import auth, rounds
from scudo_agent.desk.channel_duty import by_channels
from scudo_agent.desk.contract_folder import read_contracts
from scudo_agent.desk.jobs import MailWorker
from scudo_agent.desk.limits import CONNECTIONS, PatientProtocol
from scudo_agent.desk.mail.transport import Transport, transport_for
from scudo_agent.desk.mail_door import MailDoor
from scudo_agent.desk.offload import offload
from scudo_agent.desk.passwords import Passwords
from scudo_agent.desk.rounds import Rounds
from scudo_agent.desk.serving import WAITING, Server, listen
from scudo_agent.desk.settings import DeskSettings
from scudo_agent.desk.store.agents import Enrolment
from scudo_agent.desk.store.backup import DESK
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.post import Posting
from scudo_agent.desk.web import application
from scudo_agent.desk.webhook_sending import Sender
from scudo_agent.desk.webhook_worker import WebhookWorker
from scudo_agent.errors import InputError, ScudoError, SuspectError

_STOP_S = 10.0
_log = logging.getLogger(__name__)


def build(
    settings: DeskSettings,
    *,
    clock: Clock,
    transport: Transport | None = None,
    rng: random.Random | None = None,
    passwords: Passwords | None = None,
) -> "Desk":
    """Make a desk; nothing is opened before `start`.

    `transport` takes the mails instead of what the settings say; `passwords` hashes
    those of people, by default as costly as it should be.
    """
    return Desk(
        settings,
        clock=clock,
        transport=transport or transport_for(settings),
        rng=rng or random.Random(),
        passwords=passwords or Passwords(),
    )


class Desk:
    """One desk: `start`, then `serve` (or use `asgi`), then `close`.

    `enrol_embedded` and `login_link` work between `start` and `close`.
    """

    def __init__(
        self,
        settings: DeskSettings,
        *,
        clock: Clock,
        transport: Transport,
        rng: random.Random,
        passwords: Passwords,
    ) -> None:
        self.settings = settings
        self.passwords = passwords
        self._clock = clock
        self._transport = transport
        self._rng = rng
        self._store: DeskStore | None = None
        self._asgi: ASGIApp | None = None
        self._worker: MailWorker | None = None
        self._tickets: Rounds | None = None
        self._agents: Rounds | None = None
        self._calls: Rounds | None = None
        self._door: MailDoor | None = None
        self._channels: Rounds | None = None
        self._mailing: asyncio.Task[None] | None = None
        self._hooks: WebhookWorker | None = None
        self._telling: asyncio.Task[None] | None = None
        self._socket: socket.socket | None = None
        self._server: Server | None = None
        self._closed = False
        self._suspect: SuspectError | None = None
        self._daily: Callable[[], None] | None = None
        self._filed: dict[str, Body] = {}

    @property
    def store(self) -> DeskStore:
        """The open store."""
        if self._store is None:
            raise ScudoError("the desk is not started")
        return self._store

    @property
    def asgi(self) -> ASGIApp:
        """The application, for a server or for httpx.ASGITransport."""
        if self._asgi is None:
            raise ScudoError("the desk is not started")
        return self._asgi

    @property
    def url(self) -> str:
        """How people and agents reach the desk, without a slash at the end."""
        if self.settings.url is not None:
            return self.settings.url.rstrip("/")
        return self.address

    @property
    def address(self) -> str:
        """The address it listens on, as a URL (for the agent in this process)."""
        host, port = self.settings.listen.host, self.settings.listen.port
        if self._socket is not None:
            port = self._socket.getsockname()[1]
        scheme = "http" if self.settings.certificate is None else "https"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    def bind(self) -> str:
        """Take the listening address now; `PortInUseError` if somebody has it."""
        if self._socket is None:
            self._socket = listen(self.settings.listen.host, self.settings.listen.port)
        return self.address

    async def start(self, *, mails: bool = True) -> None:
        """Open and migrate the store, then begin to send what waits.

        Without `mails` they stay in the outbox until `send_mails` is called, and
        quiet tickets stay open until `close_quiet` is. `ConfigError` for a contract
        file with faults, before anything is opened.
        """
        store = await offload(self._open)
        self._store = store
        loop = asyncio.get_running_loop()
        store.database.on_suspect = lambda error: _in(loop, self._distrust, error)
        self._worker = MailWorker(
            store, self._transport, self.settings, url=lambda: self.url, rng=self._rng
        )
        self._hooks = WebhookWorker(store, self.sender, rng=self._rng)
        self._tickets = rounds.tickets(store, self.wake_mails)
        self._agents = rounds.agents(store, self.wake_mails)
        if self.settings.on_call is not None:
            policy = self.settings.on_call.policy
            self._calls = rounds.calls(store, policy, self.wake_mails)
            self._channels = by_channels(store, self.settings, lambda: self.url)
        self._asgi = application(
            store,
            self.settings,
            lambda: self.url,
            wake=self.wake_mails,
            passwords=self.passwords,
        )
        if mails:
            self._mailing = asyncio.create_task(self._worker.run(), name="desk mails")
            self._telling = asyncio.create_task(self._hooks.run(), name="desk webhooks")
            self._tickets.start("desk tickets")
            if self._calls is not None:
                self._calls.start("desk calls")
            if self._channels is not None:
                self._channels.start("desk channels")
            self._open_door(store)

    def _open_door(self, store: DeskStore) -> None:
        """Mails come in from now on, where the settings say so."""
        if self.settings.mail.incoming is not None:
            self._door = MailDoor(
                self.settings,
                store,
                clock=self._clock,
                rng=self._rng,
                woke=self.wake_mails,
            )
            self._door.start()

    async def serve(self) -> None:
        """Answer requests until `close`; the port is taken before anything else.

        `SuspectError` once a sync of the database failed: it must be opened anew.
        """
        if self._closed:
            return
        self.bind()
        assert self._socket is not None
        if self._agents is not None:
            self._agents.start("desk agents")
        self._server = Server(
            uvicorn.Config(
                self.asgi,
                log_config=None,
                backlog=WAITING,
                access_log=False,
                lifespan="off",
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=5,
                ws="none",
                http=PatientProtocol,
                limit_concurrency=CONNECTIONS,
                **self.settings.server_tls,
            )
        )
        self._daily = _daily(self.settings, self.store)
        if self._suspect is None:
            await self._server.serve(sockets=[self._socket])
        if self._suspect is not None:
            raise self._suspect

    def _distrust(self, error: SuspectError) -> None:
        """Answer nobody any more: what was written last may not be there."""
        self._suspect = error
        if self._server is not None:
            self._server.should_exit = True

    async def close(self) -> None:
        """Stop answering, stop sending, close the store; safe to call twice."""
        self._closed = True
        if self._daily is not None:
            self._daily()
            self._daily = None
        if self._door is not None:
            await self._door.stop(patience_s=_STOP_S)
            self._door = None
        if self._mailing is not None and self._worker is not None:
            # Before the address goes that its mails name.
            await self._worker.stop(self._mailing, patience_s=_STOP_S)
            self._mailing = None
        if self._telling is not None and self._hooks is not None:
            await self._hooks.stop(self._telling, patience_s=_STOP_S)
            self._telling = None
        for one in (
            self._tickets,
            self._agents,
            self._calls,
            self._channels,
        ):
            if one is not None:
                await one.stop(patience_s=_STOP_S)
        self._tickets = self._agents = self._calls = self._channels = None
        if self._server is not None:
            self._server.should_exit = True
            await self._server.ended.wait()
            self._server = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._store is not None:
            await offload(self._store.close)
            self._store = None

    async def send_mails(self) -> int:
        """Send every mail that is due now; return how many were tried."""
        if self._worker is None:
            raise ScudoError("the desk is not started")
        return await self._worker.drain()

    async def tell_webhooks(self) -> int:
        """Send every message to a webhook that is due now; how many were tried."""
        if self._hooks is None:
            raise ScudoError("the desk is not started")
        return await self._hooks.drain()

    @property
    def sender(self) -> Sender:
        """What sends to webhooks, as far as the settings let it."""
        settings = self.settings
        return Sender(settings.webhooks.networks, ca=settings.webhook_ca)

    def wake_mails(self) -> None:
        """There may be something to send, mails or webhooks; call it on the loop."""
        if self._worker is not None:
            self._worker.wake()
        if self._hooks is not None:
            self._hooks.wake()

    async def look_after(self) -> int:
        """Close, move and re-open what is due now; how many tickets it was about."""
        if self._tickets is None:
            raise ScudoError("the desk is not started")
        return await self._tickets.turn()

    async def call_by_channels(self) -> int:
        """Make the calls by channels that wait; how many."""
        if self._channels is None:
            raise ScudoError("there are no channels: 'on_call.channels' is not set")
        return await self._channels.turn()

    async def call_people(self) -> int:
        """Make the calls that are due, begin and end alarms; how many calls."""
        if self._calls is None:
            raise ScudoError("nobody is to be called: 'on_call' is not set")
        return await self._calls.turn()

    async def close_quiet(self) -> int:
        """Close every ticket that has been quiet for long enough; how many."""
        closed, _ = await offload(self.store.closing.close_due)
        return closed

    def enrol_embedded(self, site: Site, *, key: str | None = None) -> str:
        """Create or refresh the site's customer, site and agent; return its key.

        `key` is the one that the agent kept: it stays valid if it is the current
        one, and becomes so again if it is not (the desk's file was made anew).
        """
        brings = site.contract_body
        filed = brings and self._filed.get(site.contract_id or "")
        if filed and filed != brings:
            # Each start would make two versions of it.
            raise InputError(
                f"contract '{site.contract_id}' stands in {site.path}'s own file and, "
                f"with other words, in {self.settings.contracts_folder}; keep one"
            )
        own = key or auth.new_key()
        with self.store.database.plainly():
            self.store.agents.enrol(
                Enrolment.of(site), key_sha256=auth.fingerprint(own)
            )
        return own

    def login_link(self) -> str:
        """A link that logs the provider's administrator in, once, within an hour."""
        code = auth.new_code()
        with self.store.database.plainly():
            self.store.sessions.new_code(
                auth.fingerprint(auth.plain_code(code)), life_us=auth.CODE_LIFE_US
            )
        return f"{self.url}/in/{code}"

    def _open(self) -> DeskStore:
        provider = self.settings.provider
        folder = self.settings.contracts_folder
        contracts = [] if folder is None else read_contracts(folder)
        store = DeskStore(
            self.settings.folder,
            clock=self._clock,
            posting=Posting(
                message_host=self.settings.mail.message_host,
                provider_mail=provider.mail,
                provider_language=provider.language,
                reply_address=self.settings.mail.reply_address,
                own_addresses=frozenset({self.settings.mail.sender.lower()}),
            ),
            provider_name=provider.name,
            owner=f"desk-{secrets.token_hex(8)}",
            server=self.settings.server(),
        )
        try:
            with store.database.plainly():
                for contract in contracts:
                    store.contracts.put_filed(contract.body)
            self._filed = {one.contract.id: one.body for one in contracts}
            for site, name in store.contracts.missing():
                _log.warning(
                    "site %s names contract '%s', which is nowhere", site, name
                )
        except BaseException:
            store.close()
            raise
        return store


def _daily(settings: DeskSettings, store: DeskStore) -> Callable[[], None]:
    """Begin the daily backups of a file; what is returned ends them."""
    if not store.database.alone:
        return lambda: None
    daily = DailyBackup(settings.folder, DESK, store.now)
    daily.begin()
    jobs = CalendarJobs([daily.job()], timezone="UTC")
    jobs.start()

    def end() -> None:
        daily.close()
        jobs.close()

    return end


def _in(
    loop: asyncio.AbstractEventLoop,
    act: Callable[[SuspectError], None],
    on: SuspectError,
) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left
        loop.call_soon_threadsafe(act, on)
