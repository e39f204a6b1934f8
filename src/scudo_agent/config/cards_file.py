"""CARDS.json of `contract cost` (`domain.md` 9): prepaid cards and what is left."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from scudo_agent.config.contract_fields import Date
from scudo_agent.config.document import Document, Loc
from scudo_agent.config.json_source import read
from scudo_agent.config.probe import Model
from scudo_agent.config.sections import refuse
from scudo_agent.config.wording import dotted, faults_of
from scudo_agent.contract.billing import Card
from scudo_agent.errors import Fault

_Credits = Annotated[int, Field(ge=0, le=1_000_000, strict=True)]


class _CardFile(Model):
    card: Annotated[str, Field(min_length=1, max_length=63, strict=True)]
    purchased: Date
    ddt: Date | None = None
    credits: Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
    left: _Credits


class _CardsFile(Model):
    cards: tuple[_CardFile, ...]


def read_cards(path: Path) -> tuple[Card, ...]:
    """The cards in a file; all that is wrong with it is told by `ConfigError`."""
    doc = read(path)
    faults: list[Fault] = []
    cards: tuple[Card, ...] = ()
    try:
        file = _CardsFile.model_validate({"cards": doc.data})
    except ValidationError as exc:
        faults += faults_of(
            exc,
            _CardsFile,
            describe=_described,
            locate=lambda loc, what, key: doc.fault(loc[1:], what, key=key),
        )
    else:
        cards = tuple(_card(entry) for entry in file.cards)
        faults += _contradictions(doc, cards)
    refuse(doc, faults)
    return cards


def _card(entry: _CardFile) -> Card:
    return Card(
        id=entry.card,
        purchased=entry.purchased,
        ddt=entry.ddt,
        credits=entry.credits,
        left=entry.left,
    )


def _described(loc: Loc) -> str:
    if len(loc) < 2:
        return "the file, a list of cards"
    return dotted(loc[2:], f"card {int(loc[1]) + 1}")


def _contradictions(doc: Document, cards: tuple[Card, ...]) -> list[Fault]:
    faults = []
    first: dict[str, int] = {}
    for index, card in enumerate(cards):
        if card.id in first:
            what = f"card '{card.id}' is card {first[card.id] + 1} already"
            faults.append(doc.fault((index, "card"), f"{what}; ids are unique"))
        first.setdefault(card.id, index)
        if card.left > card.credits:
            what = f"{card.left} credits are left of {card.credits}; at most "
            faults.append(doc.fault((index, "left"), f"{what}{card.credits} can be"))
    return faults
