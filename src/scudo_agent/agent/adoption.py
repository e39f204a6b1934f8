"""Taking over what the desk has open, before anything is delivered to it."""

import asyncio
import logging
from collections.abc import MutableMapping

from scudo_agent.adoption import Adoption
from scudo_agent.agent.desks import DeskReader
from scudo_agent.agent.runtime import Runtime
from scudo_agent.wire import HelloReply

_log = logging.getLogger(__name__)


class Adopter:
    """Asks for the open incidents and has them judged and stored.

    `tickets` are the public numbers by incident, as the screen shows them.
    """

    def __init__(
        self, runtime: Runtime, desk: DeskReader, tickets: MutableMapping[str, str]
    ) -> None:
        self._runtime = runtime
        self._desk = desk
        self._tickets = tickets

    async def adopt(self, reply: HelloReply) -> None:
        """Return once they are stored; raises `DeskError` without an answer.

        The desk tells of them again until this store has said the new epoch, which
        it does only after this: a kill in between loses nothing.
        """
        if not reply.adoptable:
            return
        found = await self._desk.open_incidents()
        self._tickets.update((one.incident_id, one.ticket) for one in found)
        loop = asyncio.get_running_loop()
        compared = await loop.run_in_executor(
            None, self._runtime.store.reader.compare, found
        )
        if not (compared.missing or compared.behind):
            return
        _log.warning(
            "the desk has %d incidents open that this store does not know, and has "
            "heard more of %d: going on with them",
            len(compared.missing),
            len(compared.behind),
        )
        adoption = Adoption(missing=compared.missing, behind=compared.behind)
        self._runtime.adopt(adoption)
        await adoption.stored.wait()
