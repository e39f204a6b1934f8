"""Who may do what at the desk: six roles and what each of them may; pure.

Staff (technician, dispatcher, manager, admin) belong to the provider and see the
tickets of all customers; a customer's people see their own customer only: the
`referent` all its tickets "even without being in copy", a `customer` the
requests that he made. What somebody has no right to looks as if it were not there,
where it is another's; what is one's own and may not be done is refused with words.
"""

from enum import StrEnum
from types import MappingProxyType


class Role(StrEnum):
    """What a person is at the desk."""

    CUSTOMER = "customer"
    REFERENT = "referent"
    TECHNICIAN = "technician"
    DISPATCHER = "dispatcher"
    MANAGER = "manager"
    ADMIN = "admin"


STAFF = frozenset({Role.TECHNICIAN, Role.DISPATCHER, Role.MANAGER, Role.ADMIN})
"""Roles of the provider's people."""


class Right(StrEnum):
    """One thing that a role may do, within what its scope lets it see."""

    READ = "read"
    """Tickets with what is public of them."""
    REQUEST = "request"
    """Open a request and add to it what everybody may read."""
    COMPANY = "company"
    """All tickets of the own customer, its windows and its statements."""
    COLLEAGUES = "colleagues"
    """The own customer's people: see them, and let in more of them."""
    INTERNAL = "internal"
    """Internal notes, the provider's own tickets, all customers."""
    WORK = "work"
    """Take a ticket, change its state, its severity, its estimate."""
    DISPATCH = "dispatch"
    """Assign to others, record what came by telephone, let callers in."""
    CUSTOMERS = "customers"
    """Customers, their sites and contracts, their people."""
    PEOPLE = "people"
    """The provider's people, webhooks, agents."""


_CUSTOMER = frozenset({Right.READ, Right.REQUEST})
_TECHNICIAN = frozenset(
    {Right.READ, Right.REQUEST, Right.COMPANY, Right.INTERNAL, Right.WORK}
)
_DISPATCHER = _TECHNICIAN | {Right.DISPATCH}
_MANAGER = _DISPATCHER | {Right.CUSTOMERS}

RIGHTS = MappingProxyType(
    {
        Role.CUSTOMER: _CUSTOMER,
        Role.REFERENT: _CUSTOMER | {Right.COMPANY, Right.COLLEAGUES},
        Role.TECHNICIAN: _TECHNICIAN,
        Role.DISPATCHER: _DISPATCHER,
        Role.MANAGER: _MANAGER,
        Role.ADMIN: _MANAGER | {Right.PEOPLE},
    }
)
"""What each role may."""


def may(role: Role, right: Right) -> bool:
    """Whether a role has a right."""
    return right in RIGHTS[role]
