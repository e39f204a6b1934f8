"""What the agent has judged and could not commit yet: it goes with the next commit."""

from dataclasses import dataclass, field

from scudo_agent.adoption import Adoption
from scudo_agent.judge.batch import Batch, IncidentStage, fewest, merged
from scudo_agent.judge.engine import Event
from scudo_agent.store.values import RunEvent
from scudo_agent.text import Text


@dataclass(slots=True)
class Waiting:
    """What has been judged and is not committed yet."""

    events: list[Event] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    runs: list[RunEvent] = field(default_factory=list)
    adoptions: list[Adoption] = field(default_factory=list)
    gone: tuple[str, ...] = ()
    drafts: list[tuple[IncidentStage, Text | None]] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        told = self.events or self.batches or self.runs or self.drafts
        return not (told or self.adoptions or self.gone)

    def then(self, later: "Waiting") -> "Waiting":
        """This, and what came after it."""
        return Waiting(
            events=self.events + later.events,
            batches=self.batches + later.batches,
            runs=self.runs + later.runs,
            adoptions=self.adoptions + later.adoptions,
            gone=self.gone + later.gone,
            drafts=self.drafts + later.drafts,
        )

    def join(self) -> None:
        """Keep of all batches what is still to be stored: the ledger's fewest rows.

        For as long as nothing can be stored, memory holds what the store will.
        """
        if len(self.batches) > 1:
            self.batches = [fewest(merged(self.batches))]
