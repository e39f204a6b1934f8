"""The desk's settings (`desk.yaml`): where it listens, who it is, how it mails."""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from scudo_agent.config.probe import Model
from scudo_agent.config.secret import Secret, resolve
from scudo_agent.errors import ConfigError, Fault, InputError

MailAddress = Annotated[
    str, Field(pattern=r"^[^@\s<>,;:\x00-\x1f]{1,64}@[^@\s<>,;:\x00-\x1f]{1,190}$")
]
Port = Annotated[int, Field(ge=0, le=65535)]


class Provider(Model):
    """Who runs the desk, and who gets the notices of its own incidents."""

    name: str = "AltecMonitor"
    mail: MailAddress = "provider@localhost"
    language: str = "it"


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


class Mail(Model):
    """How mails leave: by SMTP, or into a Maildir when `smtp` is absent.

    `host` stands behind the `@` of every Message-ID; without it the sender's.
    """

    sender: Annotated[MailAddress, Field(alias="from")] = "desk@localhost"
    host: str | None = None
    smtp: Smtp | None = None
    maildir: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "Mail":
        if self.smtp is not None and self.maildir is not None:
            raise ValueError("has both 'smtp' and 'maildir'; keep one")
        return self

    @property
    def message_host(self) -> str:
        """What stands behind the `@` of a Message-ID."""
        return self.host or self.sender.rpartition("@")[2]


class DeskSettings(Model):
    """`desk.yaml`; relative paths start at `base`, the folder of the file.

    `url` is how people and mails name the desk; without it, the address it
    listens on.
    """

    listen: Listen = Listen()
    url: Annotated[str | None, Field(pattern=r"^https?://[^\s/]+(/[^\s]*)?$")] = None
    provider: Provider = Provider()
    mail: Mail = Mail()
    state: str = "desk-state"
    base: Annotated[Path, Field(exclude=True)] = Path()

    @property
    def folder(self) -> Path:
        """The state folder: database, lock and Maildir."""
        return self.base / self.state

    @property
    def maildir(self) -> Path:
        """Where mails are put when no SMTP server is configured."""
        return self.base / self.mail.maildir if self.mail.maildir else self._mails

    @property
    def _mails(self) -> Path:
        return self.folder / "mail"

    def smtp_password(self) -> Secret | None:
        """Read the password of the mail server; `InputError` if it cannot be."""
        smtp = self.mail.smtp
        if smtp is None or smtp.password is None:
            return None
        return resolve(smtp.password, base=self.base)


def load_desk_settings(path: Path) -> DeskSettings:
    """Read `desk.yaml`; every fault at once as `ConfigError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as exc:
        raise InputError(f"{path}: cannot read it: {exc.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text") from None
    try:
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark
        raise ConfigError(
            [
                Fault(
                    file=str(path),
                    line=mark.line + 1 if mark else 0,
                    column=mark.column + 1 if mark else 0,
                    what=str(exc.problem or exc),
                )
            ]
        ) from None
    except yaml.YAMLError as exc:
        raise InputError(f"{path}: is no YAML: {exc}") from None
    return _validated(data if data is not None else {}, path)


def _validated(data: Any, path: Path) -> DeskSettings:
    if not isinstance(data, dict):
        raise InputError(f"{path}: must be a mapping such as 'listen: {{port: 8080}}'")
    if "base" in data:
        raise InputError(f"{path}: 'base' is no key of the desk's settings")
    try:
        settings = DeskSettings.model_validate({**data, "base": path.parent})
        settings.smtp_password()
    except ValidationError as exc:
        raise ConfigError(
            [
                Fault(
                    file=str(path),
                    line=0,
                    column=0,
                    what=f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}",
                )
                for e in exc.errors(include_input=False, include_url=False)
            ]
        ) from None
    return settings
