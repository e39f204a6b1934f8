"""The desk's work in the background: mails out of the outbox."""

import logging
import random
from collections.abc import Callable

from scudo_agent.desk.act_notice import render_act
from scudo_agent.desk.call_notice import render_call
from scudo_agent.desk.digest_notice import Digest, render_digest
from scudo_agent.desk.life import Mail
from scudo_agent.desk.mail.compose import ComposeError, Enclosure, Letter, compose
from scudo_agent.desk.mail.journal import Journal
from scudo_agent.desk.mail.transport import Transport, TransportError
from scudo_agent.desk.mail_lanes import Lanes
from scudo_agent.desk.notice import Notice, Rendered, render
from scudo_agent.desk.people_notice import render_person
from scudo_agent.desk.settings import DeskSettings
from scudo_agent.desk.statement_notice import render_stated
from scudo_agent.desk.store.act_post import ActErrand
from scudo_agent.desk.store.call_post import CallErrand
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.digests import FlapNews, StormNews
from scudo_agent.desk.store.mailbox import (
    LEASE_US,
    Claim,
    Errand,
    Outcome,
    Posted,
)
from scudo_agent.desk.store.people_post import PersonErrand
from scudo_agent.desk.store.statement_post import StatementErrand
from scudo_agent.desk.store.window_post import WindowErrand
from scudo_agent.desk.window_calendar import calendar
from scudo_agent.desk.window_notice import render_window
from scudo_agent.instant import DAY, SECOND, Instant
from scudo_agent.locale import translator
from scudo_agent.model import Kind
from scudo_agent.retry import Backoff
from scudo_agent.wire import Stage

GIVE_UP_US = 5 * DAY
"""A mail that no server took for so long is given up, and the ticket shows it."""

_ANSWERED_S, _BROKEN_S = 2.0, 0.5
"""The first wait for a server that said "later"; a line that broke may be back."""

_WAIT_LIMIT_S = 15 * 60.0
_log = logging.getLogger(__name__)


class MailWorker(Lanes):
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
        super().__init__(store)
        self._transport = transport
        self._settings = settings
        self._url = url
        self._rng = rng
        self._journal = Journal(settings.folder)
        self._replies_filed = settings.mail.incoming is not None

    def rest(self) -> None:
        """Let go of the mail server: nothing is to be sent just now."""
        self._transport.rest()

    def deliver(self, claim: Claim) -> Outcome | None:
        """Write and send one mail; blocks."""
        now = self._store.now()
        if now > claim.until - LEASE_US // 2:
            # It waited for slow mails before it: sending could outlive its lease.
            return Outcome(claim=claim, error=claim.row.last_error, next=now)
        try:
            of = self._sent(claim)
        except TransportError as exc:
            first_s = _ANSWERED_S if exc.answered else _BROKEN_S
            return self._failed(claim, str(exc), wait_s=first_s, ever=exc.permanent)
        except ComposeError as exc:
            return self._failed(claim, str(exc), ever=True)
        except Exception as exc:  # noqa: BLE001 - one mail's defect stops no other mail
            if not self._abandoned:
                name = claim.row.message_id
                _log.exception("mail %s could not be written", name)
            return self._failed(claim, f"{type(exc).__name__}: {exc}")
        if of is None:
            return None
        return Outcome(claim=claim, sent=self._store.now(), of=of)

    def _sent(self, claim: Claim) -> str | None:
        """Write and send: the kind of stage told, empty for what is none.

        None where nobody records it any more.
        """
        errand = self._store.mail.errand(claim)
        if self._left_before(errand):
            return ""
        letter = self._letter(errand)
        if self._abandoned:
            return None
        self._transport.send(letter.sender, letter.recipient, compose(letter))
        if isinstance(errand, StatementErrand):
            self._journal.note(errand.message_id, self._store.now())
        if self._abandoned:
            _log.warning("mail %s was sent after the end", errand.message_id)
            return None
        return _stage_of(errand)

    def _left_before(self, errand: Posted) -> bool:
        """Whether a desk that was put back from a copy had sent this statement."""
        if not isinstance(errand, StatementErrand):
            return False
        self._journal.trim(self._store.now())
        before = self._journal.has(errand.message_id)
        if before:
            _log.warning("mail %s left before, and is not repeated", errand.message_id)
        return before

    def _failed(
        self,
        claim: Claim,
        error: str,
        *,
        wait_s: float = _ANSWERED_S,
        ever: bool = False,
    ) -> Outcome | None:
        """Not sent: when to try again, or (`ever`) that it is refused for good."""
        if self._abandoned:
            return None  # the store is closed, or about to be
        now, name = self._store.now(), claim.row.message_id
        if ever or now - claim.row.created_us > GIVE_UP_US:
            _log.error("mail %s is given up: %s", name, error)
            return Outcome(claim=claim, error=error)
        backoff = Backoff(first_s=wait_s, limit_s=_WAIT_LIMIT_S)
        wait = backoff.delay_s(claim.attempts, self._rng)
        _log.warning("mail %s: %s; again in %.1f s", name, error, wait)
        again = Instant(now + round(wait * SECOND))
        return Outcome(claim=claim, error=error, next=again)

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
        if isinstance(errand, CallErrand):
            speaks = translator(errand.language)
            provider = self._settings.provider.name
            rendered = render_call(errand, speaks, provider, url=self._url())
            return self._dressed(errand, rendered, None)
        if isinstance(errand, StatementErrand):
            speaks = translator(errand.language)
            name = self._settings.provider.name
            rendered, files = render_stated(errand, speaks, name)
            return self._dressed(errand, rendered, None, files)
        if isinstance(errand, ActErrand):
            return self._dressed(errand, self._act_notice(errand), None)
        if errand.news is not None:
            return self._dressed(errand, self._digest(errand, errand.news), None)
        return self._dressed(errand, self._ticket_notice(errand), None)

    def _act_notice(self, errand: ActErrand) -> Rendered:
        return render_act(
            errand,
            translator(errand.language),
            provider=self._settings.provider.name,
            url=f"{self._url()}/t/{errand.ref}",
            replies_filed=self._replies_filed,
        )

    def _digest(self, errand: Errand, told: StormNews | FlapNews) -> Rendered:
        digest = Digest(
            ref=errand.ref,
            news=told,
            name=(errand.heading or errand.stage).subject,
            ticket_url=f"{self._url()}/t/{errand.ref}",
            provider=self._settings.provider.name,
            replies_filed=self._replies_filed,
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
            replies_filed=self._replies_filed,
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
            references=errand.refers,
            reply_to=self._reply_to(errand),
            desk=self._settings.mail.message_host,
            replied=isinstance(errand, ActErrand) and errand.kind is Mail.RECEIPT,
        )

    def _reply_to(self, errand: Posted) -> str | None:
        """Where an answer lands on the ticket, if mails come in."""
        if not isinstance(errand, Errand | ActErrand):
            return None
        return self._store.reply_addresses.make(errand.ref, errand.recipient)


def _stage_of(errand: Posted) -> str:
    """Which stage or act of a ticket a mail told; of no ticket: nothing."""
    if isinstance(errand, Errand):
        return errand.stage.kind.value
    return errand.kind.value if isinstance(errand, ActErrand) else ""


def _headed(opening: Stage, errand: Errand) -> Stage:
    """The opening with the headline and severity that its ticket got since."""
    if (heading := errand.heading) is None:
        return opening
    named = ("severity", "rule", "subject", "subject_key", "affected")
    return opening.model_copy(update={name: getattr(heading, name) for name in named})
