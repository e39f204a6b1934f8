"""What `desk doctor` looks at: database, mail, clock, certificate, disk, agents."""

import smtplib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, func, inspect, select
from sqlalchemy.exc import DatabaseError

from scudo_agent.agent.contract_health import contract_findings
from scudo_agent.agent.finding import Finding, ago, fine
from scudo_agent.agent.health import (
    clock_findings,
    disk_findings,
)
from scudo_agent.clock import Clock
from scudo_agent.dbfile.backup import last_taken
from scudo_agent.desk.mail.imap import MailboxError, looked_into
from scudo_agent.desk.mail.spool import Spool, arrived
from scudo_agent.desk.mail.transport import SmtpTransport
from scudo_agent.desk.mail.why import Outcome
from scudo_agent.desk.settings import DeskSettings
from scudo_agent.desk.store.backup import DESK
from scudo_agent.desk.store.keeping import readable
from scudo_agent.desk.store.mail_tables import mail_in
from scudo_agent.desk.store.migrate import newest
from scudo_agent.desk.store.silence import SILENT_US
from scudo_agent.desk.store.tables import (
    agent,
    mail_outbox,
)
from scudo_agent.errors import InputError, StoreError
from scudo_agent.instant import DAY, HOUR, MINUTE, Instant, from_datetime

MAIL_LATE_US = HOUR
"""A mail that waits for so long is worth a look."""

ASIDE_LATE_US = DAY
"""Somebody should have looked at a mail that was set aside so long ago."""

CERTIFICATE_US = 21 * DAY
"""So long before its end a certificate is to be renewed."""

MAIL_IN_LATE_US = 5 * MINUTE
"""A mail that came and was not taken for so long is worth a look."""

_NAMED = 5
_TIMEOUT_S = 5.0


def examine(settings: DeskSettings, clock: Clock) -> list[Finding]:
    """Look at everything that a desk needs, running or not; changes nothing."""
    listen = settings.listen
    findings = [
        fine("settings", f"listens at {listen.host}:{listen.port}"),
        *clock_findings(clock),
        *disk_findings(settings.folder),
        *_certificate(settings, clock.wall()),
        *_mail_server(settings),
        *_mailbox(settings, clock.wall()),
    ]
    return [*findings, *_database(settings, clock.wall())]


def _certificate(settings: DeskSettings, now: Instant) -> Iterator[Finding]:
    files = settings.certificate
    if files is None:
        if settings.listen.host not in ("127.0.0.1", "::1", "localhost"):
            yield Finding(
                about="tls",
                level="warning",
                seen=f"{settings.listen.host} is reached without TLS",
                remedy="desk tls makes a certificate; or let a reverse proxy do it",
            )
        return
    from cryptography import x509

    remedy = "desk tls makes a new one; then start the desk anew"
    try:
        read = x509.load_pem_x509_certificate(files[0].read_bytes())
    except (OSError, ValueError) as exc:
        seen = f"{files[0]}: {_said(exc)}"
        yield Finding(about="tls", level="fault", seen=seen, remedy=remedy)
        return
    left = from_datetime(read.not_valid_after_utc) - now
    if left <= 0:
        seen = f"{files[0]}: ended {ago(-left)}"
        yield Finding(about="tls", level="fault", seen=seen, remedy=remedy)
    elif left <= CERTIFICATE_US:
        seen = f"{files[0]}: ends in {left // DAY} days"
        yield Finding(about="tls", level="warning", seen=seen, remedy=remedy)
    else:
        yield fine("tls", f"the certificate ends in {left // DAY} days")


def _mail_server(settings: DeskSettings) -> Iterator[Finding]:
    smtp = settings.mail.smtp
    if smtp is None:
        yield Finding(
            about="mail",
            level="warning",
            seen=f"no SMTP server is configured: notices go into {settings.maildir}",
            remedy="set mail.smtp in the desk's settings",
        )
        return
    quick = smtp.model_copy(update={"timeout_s": min(smtp.timeout_s, _TIMEOUT_S)})
    where = f"{smtp.host}:{smtp.port}"
    try:
        password = settings.smtp_password()
        SmtpTransport(quick, password, host=settings.mail.message_host).reach()
    except (OSError, smtplib.SMTPException, InputError) as exc:
        yield Finding(
            about="mail",
            level="fault",
            seen=f"{where} takes no mail: {type(exc).__name__}: {_said(exc)}",
            remedy="see mail.smtp in the desk's settings; notices wait until it does",
        )
        return
    how = {"starttls": "with STARTTLS", "implicit": "over TLS", "none": "without TLS"}
    logged = "" if smtp.user is None else f", logged in as {smtp.user}"
    yield fine("mail", f"{where} answers {how[smtp.tls]}{logged}")


def _mailbox(settings: DeskSettings, now: Instant) -> Iterator[Finding]:
    """Mails that come in: by the mailbox, and by the pipe."""
    incoming = settings.mail.incoming
    if incoming is None:
        return
    spool = Spool(settings.spool)
    came = [arrived(path) or now for path in spool.waiting()]
    if foreign := spool.foreign():
        yield Finding(
            about="mail-in",
            level="fault",
            seen=f"{len(foreign)} mails in {foreign[0].parent} are another user's than "
            f"the desk's, the first one {foreign[0].name}: they cannot be taken",
            remedy="give them to the desk's user (chown); let the mail server run "
            "'desk mail-in' as that user",
        )
    if came and now - min(came) > MAIL_IN_LATE_US:
        yield Finding(
            about="mail-in",
            level="warning",
            seen=f"{len(came)} mails came and wait, the oldest {ago(now - min(came))}",
            remedy="does the desk run? it takes them as soon as it does; see its log",
        )
    if incoming.imap is None:
        yield fine("mail-in", "mails come by the command 'desk mail-in'")
        return
    imap = incoming.imap
    quick = imap.model_copy(update={"timeout_s": min(imap.timeout_s, _TIMEOUT_S)})
    where = f"{imap.host}:{imap.port}"
    try:
        password = settings.imap_password()
        assert password is not None  # there is a mailbox
        waiting = looked_into(settings, quick, password)
    except (MailboxError, InputError) as exc:
        yield Finding(
            about="mail-in",
            level="fault",
            seen=f"{where}: the mailbox cannot be read: {exc}",
            remedy="see mail.in.imap in the desk's settings; mails wait on the server",
        )
        return
    seen = f"{where}: {imap.folder} is read as {imap.user}, {waiting} mails wait in it"
    yield fine("mail-in", seen)


def _database(settings: DeskSettings, now: Instant) -> Iterator[Finding]:
    path = settings.folder / DESK.file
    server = settings.server()
    if server is None and not path.exists():
        yield fine("database", f"none yet; {path} is made at the first run")
        return
    try:
        database = readable(settings.folder, server)
    except StoreError as exc:
        yield _broken(str(exc)) if server is None else _unreachable(str(exc))
        return
    try:
        with database.read() as db:
            yield from (_file(db, path) if server is None else _server(db))
            yield from _waiting(db, now)
            yield from _set_aside(db, now)
            yield from _agents(db, now)
            yield from contract_findings(db, settings.contracts_folder)
    except DatabaseError as exc:
        said = f"{database.name}: cannot be read: {exc.orig}"
        yield _broken(said) if server is None else _unreachable(said)
    finally:
        database.close()
    if server is None:
        yield from _backup(settings.folder, now)


def _unreachable(seen: str) -> Finding:
    return Finding(
        about="database",
        level="fault",
        seen=" ".join(seen.split()),
        remedy="does the server run, and does it let this login in? see docs/desk.md, "
        "'Running on PostgreSQL'",
    )


def _broken(seen: str) -> Finding:
    return Finding(
        about="database",
        level="fault",
        seen=seen,
        remedy="stop the desk; desk restore --from FILE puts a backup in place",
    )


def _file(db: Connection, path: Path) -> Iterator[Finding]:
    """Whole, of our schema, and how large."""
    sound = str(db.exec_driver_sql("PRAGMA quick_check(1)").scalar_one())
    if sound != "ok":
        yield _broken(f"{path}: is damaged ({sound.splitlines()[-1]})")
        return
    yield from _schema(db, "whole", path.stat().st_size)


def _server(db: Connection) -> Iterator[Finding]:
    """Of which version, and how large; what is kept of it is its keepers' business."""
    version = db.exec_driver_sql("SHOW server_version").scalar_one()
    query = "SELECT pg_database_size(current_database())"
    size = int(db.exec_driver_sql(query).scalar_one())
    yield from _schema(db, f"on PostgreSQL {version}", size)


def _schema(db: Connection, told: str, size: int) -> Iterator[Finding]:
    has = str(db.exec_driver_sql("SELECT version_num FROM alembic_version").scalar())
    if has == newest():
        yield fine("database", f"{told}, schema {has}, {size / 1e6:.1f} MB")
        return
    later = has > newest()
    yield Finding(
        about="database",
        level="fault" if later else "warning",
        seen=f"has schema {has}, and this version knows {newest()}",
        remedy="a later desk wrote it: use that one"
        if later
        else "the desk brings it up to date when it starts; take a backup first",
    )


def _waiting(db: Connection, now: Instant) -> Iterator[Finding]:
    """Mails that have not left."""
    state = mail_outbox.c.state
    rows = db.execute(
        select(
            state,
            func.count().label("many"),
            func.min(mail_outbox.c.created_us).label("oldest"),
        )
        .where(state.in_(("pending", "failed")))
        .group_by(state)
    )
    found: dict[str, Row[Any]] = {str(row.state): row for row in rows}
    if (failed := found.get("failed")) is not None:
        yield Finding(
            about="outbox",
            level="warning",
            seen=f"{failed.many} mails were refused for good",
            remedy="desk outbox list says why; desk outbox retry tries them again",
        )
    waiting = found.get("pending")
    if waiting is None:
        yield fine("outbox", "no mail waits")
        return
    age = now - int(waiting.oldest)
    seen = f"{waiting.many} mails wait, the oldest was written {ago(age)}"
    if age < MAIL_LATE_US:
        yield fine("outbox", seen)
        return
    yield Finding(
        about="outbox",
        level="warning",
        seen=seen,
        remedy="does the desk run, and does the mail server answer? desk outbox list",
    )


def _set_aside(db: Connection, now: Instant) -> Iterator[Finding]:
    """Mails that came in and wait for somebody to decide."""
    if not inspect(db).has_table(mail_in.name):
        return  # an earlier desk's, which has not started anew since
    aside = mail_in.c.outcome == Outcome.QUARANTINED.value
    many, oldest = db.execute(
        select(func.count(), func.min(mail_in.c.received_us)).where(aside)
    ).one()
    if not many:
        return
    age = now - int(oldest)
    seen = f"{many} mails were set aside, the oldest came {ago(age)}"
    if age < ASIDE_LATE_US:
        yield fine("mail in", seen)
        return
    remedy = "somebody who may dispatch decides about them at the desk, in /mail-in"
    yield Finding(about="mail in", level="warning", seen=seen, remedy=remedy)


def _agents(db: Connection, now: Instant) -> Iterator[Finding]:
    """Agents that should be heard and are not."""
    rows = db.execute(
        select(agent.c.agent_id, agent.c.hello_us)
        .where(agent.c.revoked_us.is_(None))
        .order_by(agent.c.agent_id)
    ).all()
    if not rows:
        yield Finding(
            about="agents",
            level="warning",
            seen="none is enrolled",
            remedy="desk invite SITE enrols one",
        )
        return
    silent = [row for row in rows if now - (row.hello_us or 0) > SILENT_US]
    if not silent:
        yield fine("agents", f"all {len(rows)} are heard")
        return
    names = ", ".join(
        f"{row.agent_id} ({_heard(row.hello_us, now)})" for row in silent[:_NAMED]
    )
    more = f" and {len(silent) - _NAMED} more" if len(silent) > _NAMED else ""
    yield Finding(
        about="agents",
        level="warning",
        seen=f"{len(silent)} of {len(rows)} are not heard: {names}{more}",
        remedy="doctor on the agent's machine; desk revoke AGENT if it is gone",
    )


def _heard(at: int | None, now: Instant) -> str:
    return "never" if at is None else ago(now - at)


def _backup(folder: Path, now: Instant) -> Iterator[Finding]:
    taken = last_taken(folder, DESK)
    if taken is not None and now - taken <= 2 * DAY:
        yield fine("backup", f"taken {ago(now - taken)}")
        return
    yield Finding(
        about="backup",
        level="warning",
        seen="none yet" if taken is None else f"taken {ago(now - taken)}",
        remedy="a running desk takes one each night; desk backup takes one now",
    )


def _said(exc: BaseException) -> str:
    """What an error says, in one line and without what belongs to no screen."""
    text = str(exc.strerror) if isinstance(exc, OSError) and exc.strerror else str(exc)
    return " ".join(text.split())
