"""The metrics and their server, bound before the agent that they tell of."""

import asyncio
from typing import TYPE_CHECKING

from scudo_agent import __version__
from scudo_agent.agent.document import Document
from scudo_agent.agent.measures import in_loop
from scudo_agent.agent.reload import Reloader
from scudo_agent.config.site import Site
from scudo_agent.errors import InputError, ScudoError
from scudo_agent.telemetry.metrics import Metrics
from scudo_agent.telemetry.web import TelemetryServer

if TYPE_CHECKING:
    from scudo_agent.agent.app import Agent

RELOAD_S = 120.0
"""How long somebody waits at most who reloads by the web."""


class Telemetry:
    """Answers of one agent; `agent` and `reloader` come once they are wired.

    `address` is where to listen; None: nowhere.
    """

    def __init__(self, site: Site, address: tuple[str, int] | None) -> None:
        self.loop = asyncio.get_running_loop()
        self.agent: Agent | None = None
        self.reloader: Reloader | None = None
        self.metrics = Metrics(
            customer=site.customer.id, site=site.id, version=__version__
        )
        self.server: TelemetryServer | None = None
        if address is not None:
            self.server = TelemetryServer(
                *address,
                metrics=self.metrics,
                ready=self.ready,
                status=self.status,
                reload=self.reload,
            )

    def ready(self) -> tuple[bool, str]:
        """Ready once the agent runs and its store takes commits."""
        agent = self.agent
        if agent is None or agent.runtime.started is None:
            return False, "starting"
        error = agent.runtime.pipeline.commit_error
        return error is None, "ready" if error is None else str(error)

    def status(self) -> Document:
        """The status document, read in the loop, with budgets as of now."""
        agent = self.agent
        if agent is None:
            raise ScudoError("the agent is starting")
        agent.accounts.freshen()
        return in_loop(self.loop, agent.status.document)

    def reload(self) -> tuple[str, str]:
        """Reload the site file: the status line of the answer, and its text."""
        if self.reloader is None:
            raise ScudoError("the agent is starting")
        wish = asyncio.run_coroutine_threadsafe(self.reloader.reload(), self.loop)
        result = wish.result(RELOAD_S)
        if result.done:
            return "200 OK", "reloaded"
        wrong = result.code == InputError.exit_code
        line = "422 Unprocessable Entity" if wrong else "409 Conflict"
        return line, "\n".join(result.why)
