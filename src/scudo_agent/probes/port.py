"""The port that every kind of probe implements.

A kind of probe is one file: its settings class and its engine. An engine is
started once, is given the checks that are due, and reports outcomes as they
come. It never decides, retries, logs or counts; a refused connection or a
timeout is an outcome, and only bugs raise.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from scudo_agent.config.probe import ProbeSettings
from scudo_agent.model import Outcome

Report = Callable[[str, Outcome], None]
"""Called in the event loop with the check's path, once for each job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run of one check that is due now.

    `address` is the target's address or name, None for this host; `timeout_s`
    bounds the whole run whatever the other side does; `credential` is the
    resolved credential of the kind's `CREDENTIAL`, None without; `allowed`
    tells whether an IP address may be probed (the site's `networks`), asked
    after resolving and before connecting, and again for each redirect.
    """

    check: str
    settings: ProbeSettings
    address: str | None
    timeout_s: float
    credential: Any = None
    allowed: Callable[[str], bool] = field(default=lambda _address: True)


class Engine(Protocol):
    """One kind of probe at work; many checks share it."""

    async def start(self, report: Report) -> None:
        """Open what is shared (sockets, contexts)."""

    def submit(self, jobs: Sequence[Job]) -> None:
        """Begin a run of each job; returns at once."""

    async def close(self) -> None:
        """End what is under way without reporting it, and close everything."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One kind of probe, as the registry and other packages' entry points give it."""

    settings: type[ProbeSettings]
    engine: Callable[[], Engine]
