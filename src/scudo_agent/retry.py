"""When to try again (`reliability.md` 1.3): full jitter, bounded, for ever."""

import random
from dataclasses import dataclass

FIRST_S = 1.0
LIMIT_S = 60.0
RETRY_AFTER_LIMIT_S = 15 * 60.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter between `first_s` and `limit_s`."""

    first_s: float = FIRST_S
    limit_s: float = LIMIT_S

    def delay_s(
        self,
        attempt: int,
        rng: random.Random,
        *,
        retry_after_s: float | None = None,
    ) -> float:
        """Seconds to wait after the `attempt`-th failure in a row (from 1).

        A server's `Retry-After` is honoured, at most 15 min of it, with jitter
        on top so that many agents do not return together.
        """
        ceiling = min(self.limit_s, self.first_s * 2 ** min(attempt - 1, 30))
        jitter = rng.uniform(0, ceiling)
        if retry_after_s is None:
            return max(jitter, self.first_s / 10)
        return min(max(retry_after_s, 0), RETRY_AFTER_LIMIT_S) + jitter / 10
