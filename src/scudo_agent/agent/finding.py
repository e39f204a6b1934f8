"""One thing that `doctor` looked at, of an agent or of a desk."""

from dataclasses import asdict, dataclass
from typing import Literal

from scudo_agent.instant import DAY, SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at; `remedy` says what to do about it."""

    about: str
    level: Literal["ok", "warning", "fault"]
    seen: str
    remedy: str = ""

    def as_json(self) -> dict[str, str]:
        """For `doctor --json`."""
        return asdict(self)


def fine(about: str, seen: str) -> Finding:
    """Something that is as it should be."""
    return Finding(about=about, level="ok", seen=seen)


def ago(us: int) -> str:
    """How long ago, in days or seconds."""
    if us < 0:
        return "in the future: the clock was set back"
    return f"{us // DAY} days ago" if us > 2 * DAY else f"{us // SECOND} s ago"
