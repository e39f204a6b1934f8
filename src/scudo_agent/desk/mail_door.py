"""The door by which mails come in: the pipe's spool and, if there is one, a mailbox."""

import asyncio
import random
from collections.abc import Callable

from scudo_agent.clock import Clock
from scudo_agent.desk.mail.imap import mailbox
from scudo_agent.desk.mail.line import Line
from scudo_agent.desk.mail.spool import Spool
from scudo_agent.desk.mail_taking import Hands, MailboxTaker, SpoolTaker
from scudo_agent.desk.offload import offload
from scudo_agent.desk.settings import DeskSettings
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.instant import Instant

_DUTY = "mails of the mailbox"


class MailDoor:
    """Takes mails in from `start` to `stop`; `woke`: mails may be due (on the loop)."""

    def __init__(
        self,
        settings: DeskSettings,
        store: DeskStore,
        *,
        clock: Clock,
        rng: random.Random,
        woke: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._store = store
        self._woke = woke
        self._loop = asyncio.get_running_loop()
        hands = Hands(
            land=self._land,
            land_unread=self._land_unread,
            woke=self._wake,
            clock=clock,
            rng=rng,
        )
        self._spool = SpoolTaker(Spool(settings.spool), hands)
        self._mailbox = self._taker(hands)

    def start(self) -> None:
        """Take from now on."""
        self._spool.start()
        if self._mailbox is None:
            Line(self._settings.spool).forget()
        else:
            self._mailbox.start()

    async def stop(self, *, patience_s: float) -> None:
        """Take no more, in `patience_s` at most; what waits stays where it is."""
        if self._mailbox is not None:
            await offload(self._mailbox.stop, patience_s=patience_s)
        await self._spool.stop(patience_s=patience_s)

    def _land(self, mail: bytes, source: str, received: Instant | None) -> None:
        self._store.mail_in.land(mail, source=source, received=received)

    def _land_unread(
        self, mail: bytes, source: str, received: Instant | None, fault: str
    ) -> None:
        room = self._store.mail_in
        room.land_unread(mail, fault, source=source, received=received)

    def _wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._woke)

    def _taker(self, hands: Hands) -> MailboxTaker | None:
        settings = self._settings
        incoming, password = settings.mail.incoming, settings.imap_password()
        if incoming is None or incoming.imap is None or password is None:
            return None
        imap = incoming.imap
        return MailboxTaker(
            lambda: mailbox(settings, imap, password),
            hands,
            folder=imap.folder,
            line=Line(settings.spool),
            led=lambda: self._store.database.leading(_DUTY),
        )
