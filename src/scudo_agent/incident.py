"""Incidents as they are named everywhere: subjects, rules of severity, ids.

`domain.md` 5 gives the rules of severity their names, which tickets show;
`judging.md` 4 decides the number. The rules of opening, joining and recovering
are in `judge.opening` and `judge.book`.
"""

from enum import StrEnum

from scudo_agent.instant import Instant
from scudo_agent.text import T, Text

AGENT = "agent"
"""Subject of the incident that says that the agent itself is cut off."""

_MILLISECOND = 1_000
_RANDOM_BITS = 74


class Rule(StrEnum):
    """What decided a severity, as tickets show it (`domain.md` 5)."""

    S1 = "S1"
    S2 = "S2"
    S3 = "S3"
    S4 = "S4"
    S5 = "S5"

    @property
    def severity(self) -> int:
        """The code that the rule gives: 1 High, 2 Medium, 3 Low."""
        return {Rule.S1: 1, Rule.S2: 2, Rule.S3: 2}.get(self, 3)

    @property
    def reason(self) -> Text:
        """The rule in words."""
        return {
            Rule.S1: T("a contracted service is down"),
            Rule.S2: T("a contracted service is degraded"),
            Rule.S3: T("a check is bad that no contracted service needs entirely"),
            Rule.S4: T("a limit for warnings is crossed; nothing is limited yet"),
            Rule.S5: T("a limit will be crossed before long; nothing is limited yet"),
        }[self]


def check_subject(path: str) -> str:
    """Subject of an incident whose cause is one check."""
    return f"check:{path}"


def service_subject(service: str) -> str:
    """Subject of an incident of a contracted service."""
    return f"service:{service}"


def warn_subject(path: str) -> str:
    """Subject of a warning of one check."""
    return f"warn:{path}"


def forecast_subject(path: str) -> str:
    """Subject of a forecast about one check."""
    return f"forecast:{path}"


def split_subject(subject: str) -> tuple[str, str]:
    """Kind (`check`, `service`, `warn`, `forecast`, `agent`) and name of a subject."""
    kind, _, name = subject.partition(":")
    return kind, name


def incident_id(at: Instant, random: int) -> str:
    """A UUIDv7 (RFC 9562) of the instant and 74 random bits.

    Ids of later milliseconds sort after those of earlier ones.
    """
    low = random & ((1 << 62) - 1)
    high = (random >> 62) & ((1 << (_RANDOM_BITS - 62)) - 1)
    number = (at // _MILLISECOND) << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low
    text = f"{number:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
