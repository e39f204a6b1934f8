"""Who asks: every query of the desk takes one of these, never a bare tenant."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement

from scudo_agent.desk.rights import STAFF, Right, Role, may
from scudo_agent.desk.store.tables import ticket
from scudo_agent.errors import InputError

FIRST, SECOND = 1, 2
"""The agents of a site, by their number: a pair watches the same from two machines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentIdentity:
    """What an agent's credential is bound to; the body of a request never says it."""

    tenant_id: str
    site_id: str
    agent_id: str

    @property
    def actor(self) -> str:
        """How history names it."""
        return f"agent:{self.agent_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePerson(AgentIdentity):
    """A person who does for a site what its agents do; `agent_id` is empty."""

    person_actor: str

    @property
    def actor(self) -> str:
        """How history names the person."""
        return self.person_actor


def agent_of(tenant_id: str, site_id: str, number: int) -> AgentIdentity:
    """Who the `number`-th agent of a site is; `InputError` for more than a pair."""
    if number not in (FIRST, SECOND):
        raise InputError(f"agent {number} of site {site_id}: a site has one or two")
    return AgentIdentity(
        tenant_id=tenant_id,
        site_id=site_id,
        agent_id=f"{tenant_id}/{site_id}/{number}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who is logged in; staff belong to the provider and see all.

    `person_id` and `name` are None and empty for the administrator who came by a
    login link of the command line. `timezone` is the one that was chosen, if any.
    """

    tenant_id: str
    role: Role
    actor: str
    language: str | None = None
    person_id: int | None = None
    name: str = ""
    timezone: str | None = None

    @property
    def staff(self) -> bool:
        """Whether this is one of the provider's people."""
        return self.role in STAFF

    def may(self, right: Right) -> bool:
        """Whether this person's role has the right."""
        return may(self.role, right)

    @property
    def scope(self) -> "Scope":
        """What this person may see."""
        if self.staff:
            return Scope.of_staff()
        own = None if self.may(Right.COMPANY) else self.person_id or 0
        return Scope(tenant_id=self.tenant_id, requester_id=own)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a reader may see: None stands for all.

    `provider` tells whether what only the provider may see is shown: its own
    tickets, and internal notes of all. `requester_id`: only requests of this person.
    """

    tenant_id: str | None = None
    site_id: str | None = None
    provider: bool = False
    requester_id: int | None = None

    @classmethod
    def of_agent(cls, agent: AgentIdentity) -> "Scope":
        """Its own site's tickets, those of the provider left out."""
        return cls(tenant_id=agent.tenant_id, site_id=agent.site_id)

    @classmethod
    def of_staff(cls) -> "Scope":
        """All tickets of all customers."""
        return cls(provider=True)


def within(scope: Scope) -> list[ColumnElement[bool]]:
    """What a ticket must fulfil to be seen."""
    conditions: list[ColumnElement[bool]] = []
    if scope.tenant_id is not None:
        conditions.append(ticket.c.tenant_id == scope.tenant_id)
    if scope.site_id is not None:
        conditions.append(ticket.c.site_id == scope.site_id)
    if scope.requester_id is not None:
        conditions.append(ticket.c.requester_id == scope.requester_id)
    if not scope.provider:
        conditions.append(ticket.c.audience == "customer")
    return conditions
