"""A clock that stands where the test puts it."""

from scudo_agent.instant import Instant, parse_instant


class StandingClock:
    """Both clocks stand still; `at` may be moved."""

    boot_id = "test"

    def __init__(self, at: str = "2026-11-21T10:00:00Z") -> None:
        self.at = parse_instant(at)

    def wall(self) -> Instant:
        """The instant that the test set."""
        return self.at

    def monotonic_us(self) -> int:
        """Stands with the wall clock."""
        return int(self.at)
