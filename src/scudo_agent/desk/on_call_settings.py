"""`on_call` of `desk.yaml`: which tickets call somebody, in which steps."""

from ipaddress import ip_network
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from scudo_agent.config.probe import Model
from scudo_agent.desk.escalation import Hours, Policy, Step, Way
from scudo_agent.instant import MINUTE

Kind = Annotated[str, Field(pattern=r"^[a-z][a-z0-9+.-]{1,30}$")]
Minutes = Annotated[float, Field(ge=0, le=1440)]


class CallStep(Model):
    """One step: `after_min` minutes from the begin, to whom in line, by which ways."""

    after_min: Minutes
    level: Annotated[int, Field(ge=1, le=12)] = 1
    by: Annotated[tuple[Way, ...], Field(min_length=1, max_length=4)]


_STEPS = (
    CallStep(after_min=0, by=(Way.QUEUE, Way.MAIL)),
    CallStep(after_min=10, by=(Way.MAIL,)),
    CallStep(after_min=15, by=(Way.CHANNELS,)),
    CallStep(after_min=25, level=2, by=(Way.QUEUE, Way.MAIL, Way.CHANNELS)),
)


class OnCallSettings(Model):
    """Without this key nobody is called.

    `severity`: tickets with this code or a graver one. `hours`: `service` calls in
    the service hours of the contract only, `always` at any hour. The last step is
    repeated `repeats` times, every `repeat_min` minutes, to the next one in line.
    `channels` are the kinds that people may be called by beside mail, as apprise names
    them (`ntfys`, `tgram`); these lead to the open internet and to networks in `allow`.
    """

    severity: Annotated[int, Field(ge=1, le=3)] = 2
    hours: Hours = Hours.SERVICE
    steps: Annotated[tuple[CallStep, ...], Field(min_length=1, max_length=20)] = _STEPS
    repeat_min: Annotated[float, Field(gt=0, le=1440)] = 15.0
    repeats: Annotated[int, Field(ge=0, le=20)] = 4
    channels: Annotated[tuple[Kind, ...], Field(max_length=50)] = ()
    allow: Annotated[tuple[str, ...], Field(max_length=100)] = ()

    @field_validator("allow")
    @classmethod
    def _networks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for one in given:
            try:
                ip_network(one)
            except ValueError:
                raise ValueError(f"'{one}' is no network such as 10.1.2.0/24") from None
        return given

    @model_validator(mode="after")
    def _in_order(self) -> "OnCallSettings":
        times = [one.after_min for one in self.steps]
        if times != sorted(times):
            raise ValueError("its steps stand in the order of 'after_min'")
        return self

    @property
    def policy(self) -> Policy:
        """What the rounds go by."""
        return Policy(
            severity=self.severity,
            hours=self.hours,
            steps=tuple(
                Step(
                    after_us=round(one.after_min * MINUTE),
                    level=one.level,
                    ways=tuple(dict.fromkeys(one.by)),
                )
                for one in self.steps
            ),
            repeat_us=round(self.repeat_min * MINUTE),
            repeats=self.repeats,
        )
