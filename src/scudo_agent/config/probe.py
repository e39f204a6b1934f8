"""What every kind of probe's settings class is made of.

The settings row imports no probe: `config.load` is given a registry of these
classes by the composition root, and each probe module has one.
"""

from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    WithJsonSchema,
)

from scudo_agent.errors import InputError
from scudo_agent.instant import DAY, HOUR, SECOND, parse_duration
from scudo_agent.model import Limit, Trend


class Model(BaseModel):
    """Frozen, and an unknown key is a fault.

    Pydantic's own errors never show the input: it may be a secret.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _seconds(value: Any) -> Any:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            return parse_duration(value) / SECOND
        except InputError as exc:
            raise ValueError(str(exc)) from None
    return value


def _ratio(value: Any) -> Any:
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            return float(value.strip()[:-1]) / 100
        except ValueError:
            raise ValueError(f"'{value}' is not a percentage such as 20%") from None
    return value


DURATION_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "number", "minimum": 0},
        {
            "type": "string",
            "pattern": r"^\s*([0-9]+(\.[0-9]+)?\s*(ms|s|min|m|h|d)\s*)+$",
        },
    ]
}
"""A duration in a JSON Schema."""

_RATIO_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "number"},
        {"type": "string", "pattern": r"^\s*[-+]?[0-9]*\.?[0-9]+\s*%\s*$"},
    ]
}

Seconds = Annotated[float, BeforeValidator(_seconds), WithJsonSchema(DURATION_SCHEMA)]
"""A duration as people write it (`200ms`, `2s`, plain seconds), in seconds."""

Ratio = Annotated[float, BeforeValidator(_ratio), WithJsonSchema(_RATIO_SCHEMA)]
"""A share as people write it (`20%` or `0.2`), from 0 to 1."""


def _ahead(value: float) -> float:
    if not HOUR / SECOND <= value <= 56 * DAY / SECOND:
        raise ValueError("is out of range: from 1h to 56d, such as 14d")
    return value


Ahead = Annotated[Seconds, AfterValidator(_ahead)]
"""How long before a limit is reached someone wants to be told, in seconds; no
longer than values are kept, for nobody looks further ahead than back."""


class ProbeSettings(Model):
    """Settings of one check of one kind of probe; the base of them all.

    A kind's class stands in the probe's module beside its engine. `KIND` is the
    key in the site file. `SHORT` names the field that a scalar fills
    (`{host: {disk: /}}` may be no scalar; `{tcp: 5432}` fills `port`); without
    it the only scalar allowed is the kind itself (`ping: icmp`), all defaults.
    Validators may ask for `info.context`: `base`, the folder at which relative
    paths of the file begin, and `secrets`, whether references are to be read.
    """

    KIND: ClassVar[str]
    SHORT: ClassVar[str | None] = None
    NEEDS_ADDRESS: ClassVar[bool] = True
    CREDENTIAL: ClassVar[str | None] = None
    """Which kind of credential of the site file the probe takes (`snmp`)."""

    def degraded_limits(self) -> tuple[Limit, ...]:
        """Limits whose crossing makes an answer `degraded`."""
        return ()

    def warn_limits(self) -> tuple[Limit, ...]:
        """Limits whose crossing is a warning (severity 3) and changes no state."""
        return ()

    def trend(self, address: str | None) -> Trend | None:
        """What is to be foreseen of the measured value (severity 3); None: nothing."""
        return None

    def endpoint(self, address: str | None) -> str:
        """What is asked, as a ticket names it: an address, a URL, a host:port."""
        return address or "this host"

    def reproduce(self, address: str | None) -> str:
        """A command line with which a technician sees the same; may be empty."""
        return ""

    def hosts(self, address: str | None) -> tuple[str, ...]:
        """Names or addresses that a run connects to, for the `networks` rule."""
        return (address,) if address else ()
