"""The answer of a remote desk as a vantage check (`domain.md` 2).

Nobody writes it into a site file: it is there wherever the desk is remote, and
its observations are what becomes of the agent's own greetings to the desk.
"""

from dataclasses import replace
from typing import ClassVar
from urllib.parse import urlsplit

from scudo_agent.config.probe import ProbeSettings
from scudo_agent.config.site import Check, Target
from scudo_agent.instant import MINUTE, SECOND
from scudo_agent.judge.site import CheckRule, JudgeSite

TARGET = "desk"
PATH = "desk/answer"
KIND = "desk"
INTERVAL_US = MINUTE
"""Greetings come every 30 s, and at most 60 s apart when nobody answers."""
_CONFIRM, _RECOVER = 3, 2
_DEFINITION = "desk/answer"


class DeskAnswerSettings(ProbeSettings):
    """Nothing to set: the delivery asks."""

    KIND: ClassVar[str] = KIND


def desk_check(url: str) -> Check:
    """The check as part of a resolved site."""
    target = Target(
        id=TARGET,
        address=urlsplit(url).hostname,
        local=False,
        depends_on=(),
        credential=None,
    )
    return Check(
        path=PATH,
        target=target,
        kind=KIND,
        settings=DeskAnswerSettings(),
        interval_us=INTERVAL_US,
        timeout_us=30 * SECOND,
        confirm=_CONFIRM,
        recover=_RECOVER,
        reprobe_us=10 * SECOND,
        definition=_DEFINITION,
    )


def with_desk_answer(site: JudgeSite) -> JudgeSite:
    """The judge's view of a site whose desk is remote."""
    rule = CheckRule(
        path=PATH,
        target=TARGET,
        interval_us=INTERVAL_US,
        confirm=_CONFIRM,
        recover=_RECOVER,
        definition=_DEFINITION,
    )
    checks = {**site.checks, PATH: rule}
    return replace(site, checks=checks, vantage=(*site.vantage, PATH))
