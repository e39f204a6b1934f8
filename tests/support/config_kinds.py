"""Tiny kinds of probes, so that the tests of site files need no real ones."""

from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from scudo_agent.config.probe import Model, ProbeSettings, Ratio, Seconds


class IcmpLimits(Model):
    """Limits of the small `icmp`."""

    loss: Ratio | None = None
    rtt: Seconds | None = None


class Icmp(ProbeSettings):
    """All defaults."""

    KIND: ClassVar[str] = "icmp"

    count: int = Field(default=3, ge=1, le=20)
    degraded: IcmpLimits | None = None


class Tcp(ProbeSettings):
    """A scalar fills the port."""

    KIND: ClassVar[str] = "tcp"
    SHORT: ClassVar[str | None] = "port"

    port: int = Field(ge=1, le=65535)


class Dns(ProbeSettings):
    """A needed key and a choice."""

    KIND: ClassVar[str] = "dns"

    name: str
    type: Literal["A", "AAAA", "MX"] = "A"


class Http(ProbeSettings):
    """A kind that needs no address and connects where its URL says."""

    KIND: ClassVar[str] = "http"
    SHORT: ClassVar[str | None] = "url"
    NEEDS_ADDRESS: ClassVar[bool] = False

    url: str
    status: int = 200
    body: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    degraded: dict[str, Seconds] = Field(default_factory=dict)

    def hosts(self, address: str | None) -> tuple[str, ...]:
        """The host of the URL."""
        return (self.url.split("/")[2],)


class Snmp(ProbeSettings):
    """A kind with a credential, and a validator that knows one object."""

    KIND: ClassVar[str] = "snmp"
    CREDENTIAL: ClassVar[str | None] = "snmp"

    get: str | None = None
    each: str | None = None
    where: dict[str, str] | None = None
    expect: str | None = None

    @field_validator("get")
    @classmethod
    def _known(cls, value: Any) -> Any:
        if value is not None and not value.startswith("IF-MIB::ifOperStatus"):
            raise ValueError(f"'{value}' is no object of the MIBs known here")
        return value


class Host(ProbeSettings):
    """A kind that looks at this machine."""

    KIND: ClassVar[str] = "host"
    NEEDS_ADDRESS: ClassVar[bool] = False

    disk: str
    warn: Ratio | None = None
    degraded: Ratio | None = None


KINDS: dict[str, type[ProbeSettings]] = {
    kind.KIND: kind for kind in (Icmp, Tcp, Dns, Http, Snmp, Host)
}
