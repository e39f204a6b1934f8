"""The shape of a site file (its keys and their values) as pydantic models.

What a check may hold depends on the kinds of probes that are registered, so
here it is any value: `config.checks` reads it. References between parts of the
file (checks, credentials, profiles) are looked at in `config.references`.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from scudo_agent.config.fields import (
    Address,
    CheckPath,
    Count,
    Id,
    Interval,
    Language,
    Mail,
    Need,
    NeedField,
    Network,
    Reference,
    Span,
    Timeout,
    Title,
    Url,
    Zone,
)
from scudo_agent.config.probe import Model
from scudo_agent.instant import SECOND

CheckValue = Annotated[Any, WithJsonSchema({"$ref": "#/$defs/Check"})]


def _empty(value: Any) -> Any:
    # A key with nothing behind it (`services:`) says the same as an empty one.
    return {} if value is None else value


def _no_entries(value: Any) -> Any:
    return [] if value is None else value


def _desk(value: Any) -> Any:
    if value is None or value == "embedded":
        return None
    if isinstance(value, dict):
        return value
    # The value may be a key that was put here by mistake: it is not repeated.
    raise ValueError("'embedded' or {url: https://desk.example, key: …} is needed")


def _members(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError("at least one check is needed, such as [gateway/ping]")
    return value


class CustomerFile(Model):
    """`customer`: whom the site belongs to and who gets the notices."""

    id: Id
    name: Title
    mail: Mail
    language: Language = "it"


class DeskFile(Model):
    """`desk`, when it is not `embedded`: where the provider's desk is."""

    url: Url
    key: Reference
    ca: str | None = Field(default=None, min_length=1)


class TimingFile(Model):
    """What may stand beside a probe, on a target and in a profile."""

    interval: Interval | None = None
    timeout: Timeout | None = None
    confirm: Count | None = None
    recover: Count | None = None


class DefaultsFile(Model):
    """`defaults`: what holds where nothing else is said (microseconds)."""

    interval: Interval = 60 * SECOND
    timeout: Timeout = 5 * SECOND
    confirm: Count = 3
    recover: Count = 2
    reprobe: Interval = 10 * SECOND


class HeartbeatFile(Model):
    """`heartbeat`: a URL that a job calls: every so often, and at most so late.

    Planned: it belongs to the shape, and to judging (`judging.md`).
    """

    every: Interval
    grace: Span = 0


class SnmpCredentialFile(Model):
    """`credentials.X.snmp`: how to speak SNMP with a device."""

    version: Annotated[
        Literal[1, 2, 3],
        BeforeValidator(lambda value: 2 if value == "2c" else value),
        WithJsonSchema({"enum": [1, 2, "2c", 3]}),
    ]
    community: Reference | None = None
    user: Title | None = None
    auth: Literal["sha224", "sha256", "sha384", "sha512", "sha1", "md5"] | None = None
    auth_key: Reference | None = None
    priv: Literal["aes128", "aes192", "aes256"] | None = None
    priv_key: Reference | None = None


class CredentialFile(Model):
    """`credentials.X`: what a target is spoken to with, by kind of probe."""

    snmp: SnmpCredentialFile


class ProfileFile(TimingFile):
    """`profiles.X`: what targets with `use: X` have in common."""

    credentials: Id | None = None
    depends_on: tuple[CheckPath, ...] | None = None
    checks: Annotated[dict[Id, CheckValue], BeforeValidator(_empty)] = Field(
        default_factory=dict
    )


class TargetFile(TimingFile):
    """`targets.X`: one device or endpoint."""

    address: Address | None = None
    local: bool = Field(default=False, strict=True)
    use: Id | None = None
    credentials: Id | None = None
    depends_on: tuple[CheckPath, ...] | None = None
    checks: Annotated[dict[Id, CheckValue], BeforeValidator(_empty)] = Field(
        default_factory=dict
    )


class ServiceFile(Model):
    """`services.X`: what the contract is about, made of checks."""

    title: dict[Language, Title] = Field(default_factory=dict)
    contracted: bool = Field(default=False, strict=True)
    checks: Annotated[
        tuple[CheckPath, ...],
        AfterValidator(_members),
        Field(json_schema_extra={"minItems": 1}),
    ]
    need: NeedField = Need("all")


class SiteFile(Model):
    """A whole site file."""

    version: Literal[1]
    site: Id
    customer: CustomerFile
    timezone: Zone
    contract: Annotated[str, Field(min_length=1)] | None = None
    desk: Annotated[DeskFile | None, BeforeValidator(_desk)] = None
    networks: tuple[Network, ...] | None = None
    vantage: Annotated[tuple[CheckPath, ...], BeforeValidator(_no_entries)] = ()
    screenshots: bool = Field(default=True, strict=True)
    defaults: Annotated[DefaultsFile, BeforeValidator(_empty)] = DefaultsFile()
    credentials: Annotated[dict[Id, CredentialFile], BeforeValidator(_empty)] = Field(
        default_factory=dict
    )
    profiles: Annotated[dict[Id, ProfileFile], BeforeValidator(_empty)] = Field(
        default_factory=dict
    )
    targets: dict[Id, TargetFile]
    services: Annotated[dict[Id, ServiceFile], BeforeValidator(_empty)] = Field(
        default_factory=dict
    )


class Lenient(SiteFile):
    """A site file that may lack what judging does not need (`judging.md`).

    It also stands for what is left of a faulty file, so that the rest of it can
    be looked at and all faults be told at once.
    """

    version: Any = None
    site: Any = None
    customer: Any = None
    timezone: Any = None
    targets: Annotated[dict[Id, TargetFile], BeforeValidator(_empty)] = Field(
        default_factory=dict
    )
