"""The desk's work in the background: mails out of the outbox."""

import asyncio
import logging
import random
from collections.abc import Callable

from sqlalchemy.exc import DBAPIError

from scudo_agent.desk.digest_notice import Digest, render_digest
from scudo_agent.desk.mail.compose import ComposeError, Enclosure, Letter, compose
from scudo_agent.desk.mail.journal import Journal
from scudo_agent.desk.mail.transport import Transport, TransportError
from scudo_agent.desk.notice import Notice, Rendered, render
from scudo_agent.desk.offload import offload
from scudo_agent.desk.people_notice import render_person
from scudo_agent.desk.settings import DeskSettings
from scudo_agent.desk.statement_notice import render_stated
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.digests import FlapNews, StormNews
from scudo_agent.desk.store.mailbox import Errand, Posted
from scudo_agent.desk.store.people_post import PersonErrand
from scudo_agent.desk.store.statement_post import StatementErrand
from scudo_agent.desk.store.window_post import WindowErrand
from scudo_agent.desk.window_calendar import calendar
from scudo_agent.desk.window_notice import render_window
from scudo_agent.instant import DAY, SECOND
from scudo_agent.locale import translator
from scudo_agent.model import Kind
from scudo_agent.retry import Backoff
from scudo_agent.wire import Stage

GIVE_UP_US = 5 * DAY
"""A mail that no server took for so long is given up, and the ticket shows it."""

_BACKOFF = Backoff(first_s=2.0, limit_s=15 * 60.0)
_IDLE_S = 30.0
_STORE_PAUSE_S = 5.0
_log = logging.getLogger(__name__)


class MailWorker:
    """Sends what is due, in each ticket's order, again and again until it is taken.

    A repeat carries the same Message-ID: what a server took without our learning
    of it, a reader's mail program shows once.
    """

    def __init__(
        self,
        store: DeskStore,
        transport: Transport,
        settings: DeskSettings,
        *,
        url: Callable[[], str],
        rng: random.Random,
    ) -> None:
        self._store = store
        self._transport = transport
        self._settings = settings
        self._url = url
        self._rng = rng
        self._journal = Journal(settings.folder)
        self._wake = asyncio.Event()
        self._stopping = self._abandoned = False

    async def stop(self, running: "asyncio.Task[None]", *, patience_s: float) -> None:
        """End `run`, the mail under way included, in `patience_s` at most.

        A mail that a slow server has not taken by then stays in the outbox, and
        goes out again with the same Message-ID.
        """
        self._stopping = True
        self._wake.set()
        await asyncio.wait([running], timeout=patience_s)
        self._abandoned = True
        running.cancel()
        await asyncio.wait([running])

    def wake(self) -> None:
        """There may be a new mail; call it after a commit, on the loop."""
        self._wake.set()

    async def run(self) -> None:
        """Work until `stop`."""
        while not self._stopping:
            self._wake.clear()
            try:
                await self.drain()
                pause = await self._pause_s()
            except DBAPIError as exc:
                _log.error("the mail outbox cannot be used just now: %s", exc.orig)
                pause = _STORE_PAUSE_S
            except Exception:  # noqa: BLE001 - without its worker no mail ever leaves
                _log.exception("the mail worker stumbled")
                pause = _STORE_PAUSE_S
            try:
                async with asyncio.timeout(0 if self._stopping else pause):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def drain(self) -> int:
        """Send everything that is due; return how many mails were tried."""
        tried = 0
        while not self._stopping:
            errand = await offload(self._store.mail.claim)
            if errand is None:
                break
            await offload(self._deliver, errand)
            tried += 1
        return tried

    async def _pause_s(self) -> float:
        due = await offload(self._store.mail.next_due)
        if due is None:
            return _IDLE_S
        return min(max((due - self._store.now()) / SECOND, 0.01), _IDLE_S)

    def _deliver(self, errand: Posted) -> None:
        """Write, send and record one mail; blocks."""
        if self._left_before(errand):
            self._store.mail.sent(errand)
            return
        try:
            letter = self._letter(errand)
            if self._abandoned:
                return
            self._transport.send(letter.sender, letter.recipient, compose(letter))
        except TransportError as exc:
            self._failed(errand, str(exc), permanent=exc.permanent)
        except ComposeError as exc:
            self._failed(errand, str(exc), permanent=True)
        except Exception as exc:  # noqa: BLE001 - one mail's defect stops no other mail
            _log.exception("mail %s could not be written", errand.message_id)
            self._failed(errand, f"{type(exc).__name__}: {exc}", permanent=False)
        else:
            if isinstance(errand, StatementErrand):
                self._journal.note(errand.message_id, self._store.now())
            if self._abandoned:
                _log.warning("mail %s was sent after the end", errand.message_id)
            elif not self._store.mail.sent(errand):
                _log.warning("mail %s was sent after its lease", errand.message_id)

    def _left_before(self, errand: Posted) -> bool:
        """Whether a desk that was put back from a copy had sent this statement."""
        if not isinstance(errand, StatementErrand):
            return False
        self._journal.trim(self._store.now())
        before = self._journal.has(errand.message_id)
        if before:
            _log.warning("mail %s left before, and is not repeated", errand.message_id)
        return before

    def _failed(self, errand: Posted, error: str, *, permanent: bool) -> None:
        if self._abandoned:
            return  # the store is closed, or about to be
        now = self._store.now()
        if permanent or now - errand.created > GIVE_UP_US:
            _log.error("mail %s is given up: %s", errand.message_id, error)
            self._store.mail.failed(errand, error)
            return
        wait = _BACKOFF.delay_s(errand.attempts, self._rng)
        _log.warning("mail %s: %s; again in %.0f s", errand.message_id, error, wait)
        self._store.mail.later(errand, error, next_us=now + round(wait * SECOND))

    def _letter(self, errand: Posted) -> Letter:
        if isinstance(errand, WindowErrand):
            speaks = translator(errand.language)
            rendered = render_window(errand, speaks, self._settings.provider.name)
            host = self._settings.mail.message_host
            ics = calendar(errand.windows, errand.services, speaks, host=host)
            return self._dressed(errand, rendered, ics)
        if isinstance(errand, PersonErrand):
            speaks = translator(errand.language)
            provider = self._settings.provider.name
            rendered = render_person(errand, speaks, provider, url=self._url())
            return self._dressed(errand, rendered, None)
        if isinstance(errand, StatementErrand):
            speaks = translator(errand.language)
            name = self._settings.provider.name
            rendered, files = render_stated(errand, speaks, name)
            return self._dressed(errand, rendered, None, files)
        if errand.news is not None:
            return self._dressed(errand, self._digest(errand, errand.news), None)
        return self._dressed(errand, self._ticket_notice(errand), None)

    def _digest(self, errand: Errand, told: StormNews | FlapNews) -> Rendered:
        digest = Digest(
            ref=errand.ref,
            news=told,
            name=(errand.heading or errand.stage).subject,
            ticket_url=f"{self._url()}/t/{errand.ref}",
            provider=self._settings.provider.name,
        )
        return render_digest(digest, translator(errand.language), errand.zone)

    def _ticket_notice(self, errand: Errand) -> Rendered:
        stage, outage = errand.stage, None
        if errand.late and errand.opening and stage.kind is Kind.RECOVER:
            # The only mail of this incident: it tells what was, not what is over.
            stage, outage = _headed(errand.opening, errand), stage.outage
        if errand.returns:
            stage = stage.model_copy(update={"kind": Kind.REOPEN})
        notice = Notice(
            ref=errand.ref,
            stage=stage,
            outage=outage,
            ticket_url=f"{self._url()}/t/{errand.ref}",
            provider=self._settings.provider.name,
            site=errand.site_id,
            evidence=tuple(errand.opening.members) if errand.opening else (),
            affected=errand.affected,
            before=errand.before,
            follows=errand.previous,
            linked=errand.linked,
            closes_at=errand.closes,
            closed_at=errand.closed,
            closed_by_person=errand.closed_by is not None,
            turn=errand.turn,
            left=errand.left,
            commitments=errand.commitments,
        )
        return render(notice, translator(errand.language), errand.zone)

    def _dressed(
        self,
        errand: Posted,
        rendered: Rendered,
        ics: bytes | None,
        files: tuple[Enclosure, ...] = (),
    ) -> Letter:
        """A notice with its envelope."""
        return Letter(
            sender=self._settings.mail.sender,
            sender_name=self._settings.provider.name,
            recipient=errand.recipient,
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            message_id=errand.message_id,
            in_reply_to=errand.in_reply_to,
            date=self._store.now(),
            language=errand.language,
            calendar=ics,
            enclosures=files,
        )


def _headed(opening: Stage, errand: Errand) -> Stage:
    """The opening with the headline and severity that its ticket got since."""
    if (heading := errand.heading) is None:
        return opening
    named = ("severity", "rule", "subject", "subject_key", "affected")
    return opening.model_copy(update={name: getattr(heading, name) for name in named})
