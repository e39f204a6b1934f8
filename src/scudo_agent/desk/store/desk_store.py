"""The desk's store as a whole: opened, migrated, and its rooms."""

import threading
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import func, select

from scudo_agent.clock import Clock, Timeline
from scudo_agent.config.server import Server
from scudo_agent.desk.store.acts import Acts
from scudo_agent.desk.store.agents import Agents, put_provider
from scudo_agent.desk.store.attachments import Attachments
from scudo_agent.desk.store.call_links import CallLinks
from scudo_agent.desk.store.calls import Calls
from scudo_agent.desk.store.channel_calls import ChannelCalls
from scudo_agent.desk.store.clocking import Clocks
from scudo_agent.desk.store.clones import Clones
from scudo_agent.desk.store.closing import Closing
from scudo_agent.desk.store.contracts import Contracts
from scudo_agent.desk.store.covering import Coverage
from scudo_agent.desk.store.credentials import Credentials
from scudo_agent.desk.store.customers import Customers
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.directory import Directory
from scudo_agent.desk.store.events import Events
from scudo_agent.desk.store.files import Files
from scudo_agent.desk.store.inbox import Inbox
from scudo_agent.desk.store.interventions import InterventionBook
from scudo_agent.desk.store.invitations import Invitations
from scudo_agent.desk.store.keeping import opened
from scudo_agent.desk.store.keys import AgentKeys
from scudo_agent.desk.store.leases import free_leases
from scudo_agent.desk.store.leaving import Leaving
from scudo_agent.desk.store.ledger import LedgerBook
from scudo_agent.desk.store.mail_filing import Filing
from scudo_agent.desk.store.mail_in import MailIn
from scudo_agent.desk.store.mailbox import Mailbox
from scudo_agent.desk.store.measures import Measures
from scudo_agent.desk.store.migrate import migrate
from scudo_agent.desk.store.on_call import RotaBook
from scudo_agent.desk.store.open_incidents import OpenIncidents
from scudo_agent.desk.store.overview import Overviews
from scudo_agent.desk.store.own_facts import Facts
from scudo_agent.desk.store.people import People
from scudo_agent.desk.store.post import Posting
from scudo_agent.desk.store.quarantine import Quarantine
from scudo_agent.desk.store.replies import Replies
from scudo_agent.desk.store.reply_address import ReplyAddresses
from scudo_agent.desk.store.requests import Requests
from scudo_agent.desk.store.retention import Retention
from scudo_agent.desk.store.saved_views import SavedViews
from scudo_agent.desk.store.search import Search
from scudo_agent.desk.store.sessions import Sessions
from scudo_agent.desk.store.silence import Silence
from scudo_agent.desk.store.statement_views import StatementViews
from scudo_agent.desk.store.statements import Statements
from scudo_agent.desk.store.tables import (
    agent,
    contract_version,
    mail_outbox,
    ticket_event,
)
from scudo_agent.desk.store.ticket_pages import TicketPages
from scudo_agent.desk.store.times import Times
from scudo_agent.desk.store.tokens import Tokens
from scudo_agent.desk.store.unsent import UnsentMails
from scudo_agent.desk.store.views import Views
from scudo_agent.desk.store.webhook_outbox import WebhookOutbox
from scudo_agent.desk.store.webhooks import Webhooks
from scudo_agent.desk.store.window_tables import (
    window_announcement,
    window_cancellation,
    window_correction,
)
from scudo_agent.desk.store.windows import WindowBook
from scudo_agent.instant import Instant

Work = Callable[[], tuple[int, Instant | None]]
"""Does what is due; how much that was, and when the next is due, as far as known."""


class DeskStore:
    """Owns the database, the file or the server's; every room's transaction is its own.

    Each of its attributes is a room, and may be called from any thread. `now()` is the
    desk's time: it never runs backwards, not over a restart either.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock,
        posting: Posting,
        provider_name: str = "",
        owner: str = "desk",
        server: Server | None = None,
    ) -> None:
        self.database, noted = opened(folder, at=clock.wall(), server=server)
        try:
            with self.database.plainly():
                self.schema = migrate(self.database)
            lived = _last_instant(self.database)
            self._timeline = Timeline(clock, not_before=lived)
            self._time_lock = threading.Lock()
            with self.database.plainly(), self.database.write() as db:
                put_provider(
                    db, name=provider_name, mail=posting.provider_mail, now=self.now()
                )
                if self.database.alone:
                    free_leases(db)
                noted(db, self.now())
        except BaseException:
            self.database.close()
            raise
        self.acts = Acts(self.database, self.now, posting)
        self.agents = Agents(self.database, self.now, posting)
        self.keys = AgentKeys(self.database, self.now)
        self.invitations = Invitations(self.database, self.now)
        self.calls = Calls(self.database, self.now, posting)
        self.channels = ChannelCalls(self.database, self.now)
        self.call_links = CallLinks(self.database, self.now)
        self.clones = Clones(self.database, self.now, posting)
        self.closing = Closing(self.database, self.now)
        self.contracts = Contracts(self.database, self.now)
        self.clocks = Clocks(self.database, self.now)
        self.coverage = Coverage(self.database, self.now)
        self.open_incidents = OpenIncidents(self.database)
        self.inbox = Inbox(self.database, self.now, posting)
        self.facts = Facts(self.database, self.now, posting)
        self.interventions = InterventionBook(self.database, self.now)
        self.leaving = Leaving(self.database, self.now, posting)
        self.ledger = LedgerBook(self.database, self.now, posting)
        self.mail = Mailbox(self.database, self.now, owner=owner)
        self.attachments = Attachments(self.database, self.now)
        self.files = Files(self.database, self.now)
        self.silence = Silence(self.database, self.now, posting, lived=lived)
        self.people = People(self.database, self.now)
        self.customers = Customers(self.database, self.now)
        self.credentials = Credentials(self.database, self.now, posting)
        self.sessions = Sessions(self.database, self.now)
        self.overviews = Overviews(self.database, self.now)
        self.statements = Statements(self.database, self.now, posting)
        self.unsent = UnsentMails(self.database, self.now)
        self.stated = StatementViews(self.database)
        self.rota = RotaBook(self.database, self.now)
        self.replies = Replies(self.database, self.now)
        self.directory = Directory(self.database)
        self.ticket_pages = TicketPages(self.database)
        self.times = Times(self.database)
        self.tokens = Tokens(self.database, self.now)
        self.requests = Requests(self.database, self.now, posting)
        filing = Filing(self.acts, self.requests, self.now)
        self.mail_in = MailIn(self.database, self.now, posting, filing)
        self.measures = Measures(
            self.database, self.now, clock, folder, self.mail_in.counted
        )
        self.quarantine = Quarantine(self.database, self.now, posting, filing)
        self.reply_addresses = ReplyAddresses(
            self.database, self.now, posting.reply_address
        )
        self.retention = Retention(self.database, self.now)
        self.search = Search(self.database, self.now)
        self.saved_views = SavedViews(self.database, self.now)
        self.views = Views(self.database)
        self.webhooks = Webhooks(self.database, self.now)
        self.events = Events(self.database)
        self.webhook_outbox = WebhookOutbox(self.database, self.now, owner=owner)
        self.windows = WindowBook(self.database, self.now, posting)

    def now(self) -> Instant:
        """The desk's present instant; follows a wall clock that was set forward."""
        with self._time_lock:
            self._timeline.check()
            return self._timeline.now()

    def led(self, duty: str, work: Work) -> tuple[int, Instant | None]:
        """What `work` did, unless another desk on this database is about it."""
        with self.database.leading(duty) as mine:
            return work() if mine else (0, None)

    def writable(self) -> bool:
        """Whether a transaction can begin just now (readiness)."""
        with self.database.write() as db:
            return bool(db.exec_driver_sql("SELECT 1").scalar_one())

    def close(self) -> None:
        """Close the database and give up its lock."""
        self.database.close()


def _last_instant(database: Database) -> Instant:
    """The last instant that this desk wrote."""
    columns = (
        ticket_event.c.stored_us,
        mail_outbox.c.sent_us,
        agent.c.hello_us,
        contract_version.c.stored_us,
        window_announcement.c.announced_us,
        window_cancellation.c.cancelled_us,
        window_correction.c.corrected_us,
    )
    with database.read() as db:
        last = [db.execute(select(func.max(column))).scalar() for column in columns]
    return Instant(max(value or 0 for value in last))
