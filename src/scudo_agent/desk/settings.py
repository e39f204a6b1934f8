"""The desk's settings (`desk.yaml`): where it listens, who it is, how it mails."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from scudo_agent.config import yaml_source
from scudo_agent.config.fields import Zone
from scudo_agent.config.probe import Model
from scudo_agent.config.secret import Secret, resolve
from scudo_agent.config.server import Server
from scudo_agent.config.wording import dotted, fault_at, faults_of
from scudo_agent.desk.on_call_settings import OnCallSettings
from scudo_agent.errors import ConfigError, InputError

SPOOL = "mail-in"
"""Where mails that came in by the pipe wait for the desk, in its state folder."""

REPLY_LOCAL = 30
"""Signs before the `@` of the address that answers go to: a token goes behind them."""

_MAIL = r"^[^@\s<>,;:\x00-\x1f]{1,64}@[^@\s<>,;:\x00-\x1f]{1,190}$"
MailAddress = Annotated[str, Field(pattern=_MAIL)]
Port = Annotated[int, Field(ge=0, le=65535)]
_POSTGRESQL = re.compile(
    r"postgresql\+psycopg://([^/@:\s]+@)?[^/@\s]*/[^/?@\s]+(\?[^@\s]*)?"
)


def _address(text: str) -> str:
    """A PostgreSQL database's; a password has no place in it, and is not repeated."""
    if not _POSTGRESQL.fullmatch(text) or "password=" in text:
        raise ValueError(
            "postgresql+psycopg://USER@HOST:PORT/NAME is needed, without a password: "
            "'database_password' says where that is"
        )
    return text


def is_mail(text: str) -> bool:
    """Whether this can be somebody's mail address."""
    return re.fullmatch(_MAIL, text) is not None


class Provider(Model):
    """Who runs the desk, and who gets the notices of its own incidents."""

    name: str = "AltecMonitor"
    mail: MailAddress = "provider@localhost"
    language: str = "it"
    timezone: Zone = "UTC"


class Listen(Model):
    """Where the desk answers; port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: Port = 8080


class Smtp(Model):
    """A mail server that takes our mails.

    `tls`: `starttls` (must succeed), `implicit` (TLS from the first byte) or
    `none`. `password` is a reference; `timeout_s` bounds each network operation.
    """

    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 25
    tls: Literal["none", "starttls", "implicit"] = "starttls"
    ca: str | None = None
    user: str | None = None
    password: str | None = None
    timeout_s: Annotated[float, Field(gt=0, le=300)] = 30.0


class Imap(Model):
    """A mailbox that the desk empties; nobody else should read it.

    `tls` as for `smtp`. `done` says what becomes of a mail that was taken: `seen`, or
    `move-to FOLDER` (made if it is not there). `timeout_s` bounds each command.
    """

    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 993
    tls: Literal["none", "starttls", "implicit"] = "implicit"
    ca: str | None = None
    user: str
    password: str
    folder: Annotated[str, Field(min_length=1, max_length=200)] = "INBOX"
    done: Annotated[str, Field(pattern=r"^(seen|move-to \S.{0,199})$")] = "seen"
    timeout_s: Annotated[float, Field(gt=0, le=300)] = 60.0

    @property
    def move_to(self) -> str | None:
        """The folder of mails that were taken; None: they stay, as seen."""
        return self.done.removeprefix("move-to ") if self.done != "seen" else None


class MailIn(Model):
    """That mails come in: replies land on their tickets, others open requests.

    `address` is where people write to (without it, the sender of the desk's mails);
    with `+` and a token in front of its `@` it is a ticket's. `imap` is a mailbox to
    read; without it mails come by the command `desk mail-in` alone.
    """

    address: MailAddress | None = None
    imap: Imap | None = None


class Mail(Model):
    """How mails leave: by SMTP, or into a Maildir when `smtp` is absent.

    `host` stands behind the `@` of every Message-ID; without it the sender's.
    `incoming` (`in`) is set where mails come in, too.
    """

    sender: Annotated[MailAddress, Field(alias="from")] = "desk@localhost"
    host: str | None = None
    smtp: Smtp | None = None
    maildir: str | None = None
    incoming: Annotated[MailIn | None, Field(alias="in")] = None

    @model_validator(mode="after")
    def _one_way(self) -> "Mail":
        if self.smtp is not None and self.maildir is not None:
            raise ValueError("has both 'smtp' and 'maildir'; keep one")
        return self

    @model_validator(mode="after")
    def _room_for_a_token(self) -> "Mail":
        local = (self.reply_address or "").partition("@")[0]
        if len(local) > REPLY_LOCAL:
            raise ValueError(
                f"'{local}' has {len(local)} signs before its '@': a ticket's token "
                f"goes behind them, so mails come in for {REPLY_LOCAL} at most; name "
                "another 'address' in 'in'"
            )
        return self

    @property
    def message_host(self) -> str:
        """What stands behind the `@` of a Message-ID."""
        return self.host or self.sender.rpartition("@")[2]

    @property
    def reply_address(self) -> str | None:
        """Where replies are to go, without a token; None: no mail comes in."""
        if self.incoming is None:
            return None
        return self.incoming.address or self.sender


class Webhooks(Model):
    """Where webhooks may lead: the open internet, and networks that are named here.

    `ca` is a file of an authority that is trusted beside the system's.
    """

    allow: Annotated[tuple[str, ...], Field(max_length=100)] = ()
    ca: str | None = None

    @field_validator("allow")
    @classmethod
    def _networks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for one in given:
            try:
                ip_network(one)
            except ValueError:
                raise ValueError(f"'{one}' is no network such as 10.1.2.0/24") from None
        return given

    @property
    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """What `allow` names."""
        return tuple(map(ip_network, self.allow))


class Tls(Model):
    """A certificate that somebody else gave; `ca` is what agents are to pin."""

    cert: str
    key: str
    ca: str | None = None


class DeskSettings(Model):
    """`desk.yaml`; relative paths start at `base`, the folder of the file.

    `url` is how people and mails name the desk; without it, the address it
    listens on. `contracts` is the folder of the contract files that sites name.
    `tls`: `own` (made by `desk tls`) or the files of a certificate. `database` is a
    PostgreSQL database instead of the file in `state`; its password is a reference.
    """

    listen: Listen = Listen()
    url: Annotated[str | None, Field(pattern=r"^https?://[^\s/]+(/[^\s]*)?$")] = None
    provider: Provider = Provider()
    mail: Mail = Mail()
    state: str = "desk-state"
    database: Annotated[str, AfterValidator(_address)] | None = None
    database_password: str | None = None
    contracts: str | None = None
    tls: Tls | Literal["own"] | None = None
    webhooks: Webhooks = Webhooks()
    on_call: OnCallSettings | None = None
    base: Annotated[Path, Field(exclude=True)] = Path()

    @property
    def folder(self) -> Path:
        """The state folder: database, lock and Maildir."""
        return self.base / self.state

    @property
    def certificate(self) -> tuple[Path, Path] | None:
        """The server's certificate (its chain) and key; None: no TLS here."""
        if self.tls is None:
            return None
        if isinstance(self.tls, Tls):
            return self.base / self.tls.cert, self.base / self.tls.key
        return self.folder / "tls" / "cert.pem", self.folder / "tls" / "key.pem"

    @property
    def server_tls(self) -> dict[str, Any]:
        """What the web server must know of it."""
        files = self.certificate
        if files is None:
            return {}
        return {"ssl_certfile": files[0], "ssl_keyfile": files[1]}

    @property
    def authority(self) -> Path | None:
        """The certificate authority that agents pin; None: a public one, or none."""
        if isinstance(self.tls, Tls):
            return None if self.tls.ca is None else self.base / self.tls.ca
        return None if self.tls is None else self.folder / "tls" / "ca.pem"

    @property
    def contracts_folder(self) -> Path | None:
        """Where contract files are; None: only agents bring them."""
        return None if self.contracts is None else self.base / self.contracts

    @property
    def maildir(self) -> Path:
        """Where mails are put when no SMTP server is configured."""
        return self.base / self.mail.maildir if self.mail.maildir else self._mails

    @property
    def _mails(self) -> Path:
        return self.folder / "mail"

    @property
    def webhook_ca(self) -> Path | None:
        """An authority that webhooks' receivers may be certified by."""
        return None if self.webhooks.ca is None else self.base / self.webhooks.ca

    @property
    def spool(self) -> Path:
        """Where mails that came in by the pipe wait for the desk."""
        return self.folder / SPOOL

    @property
    def imap_ca(self) -> Path | None:
        """An authority that the mailbox's server may be certified by."""
        incoming = self.mail.incoming
        imap = None if incoming is None else incoming.imap
        return None if imap is None or imap.ca is None else self.base / imap.ca

    def imap_password(self) -> Secret | None:
        """Read the mailbox's password; `InputError` if it cannot be."""
        incoming = self.mail.incoming
        if incoming is None or incoming.imap is None:
            return None
        return resolve(incoming.imap.password, base=self.base)

    def server(self) -> Server | None:
        """The PostgreSQL database; None: a file. `InputError` without its password."""
        if self.database is None:
            return None
        if self.database_password is None:
            return Server(self.database)
        return Server(self.database, resolve(self.database_password, base=self.base))

    def smtp_password(self) -> Secret | None:
        """Read the password of the mail server; `InputError` if it cannot be."""
        smtp = self.mail.smtp
        if smtp is None or smtp.password is None:
            return None
        return resolve(smtp.password, base=self.base)


def load_desk_settings(path: Path) -> DeskSettings:
    """Read `desk.yaml`; all its faults at once as `ConfigError`, with their places.

    A secret that cannot be resolved is a fault here, not when the first mail leaves.
    """
    document = yaml_source.read(path)
    faults = list(document.faults)
    data = {} if document.data is None else document.data
    if isinstance(data, dict) and "base" in data:
        faults.append(document.fault(("base",), "'base' is no key here", key=True))
    settings = None
    try:
        settings = DeskSettings.model_validate(data)
    except ValidationError as exc:
        faults += faults_of(
            exc,
            DeskSettings,
            describe=lambda loc: dotted(loc, "the desk's settings"),
            locate=fault_at(document),
        )
    if settings is not None:
        settings = settings.model_copy(update={"base": path.parent})
        try:
            settings.smtp_password()
        except InputError as exc:
            faults.append(document.fault(("mail", "smtp", "password"), str(exc)))
        try:
            settings.imap_password()
        except InputError as exc:
            place = ("mail", "in", "imap", "password")
            faults.append(document.fault(place, str(exc)))
        try:
            settings.server()
        except InputError as exc:
            faults.append(document.fault(("database_password",), str(exc)))
        contracts = settings.contracts_folder
        if contracts is not None and not contracts.is_dir():
            faults.append(
                document.fault(("contracts",), f"'{contracts}' is no folder; make it")
            )
    if faults or settings is None:
        raise ConfigError(faults)
    return settings
