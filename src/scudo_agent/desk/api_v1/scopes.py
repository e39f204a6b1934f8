"""What a token may be made for; never more than its person may."""

from enum import StrEnum


class TokenScope(StrEnum):
    """One part of a person's rights that a program is given."""

    TICKETS_READ = "tickets:read"
    TICKETS_WRITE = "tickets:write"
    CUSTOMERS_READ = "customers:read"
    SITES_READ = "sites:read"
    PEOPLE_READ = "people:read"
    WEBHOOKS = "webhooks"


SCOPES = {
    TokenScope.TICKETS_READ: "Tickets with their histories and files.",
    TokenScope.TICKETS_WRITE: "Notes, states and new requests, in its person's name.",
    TokenScope.CUSTOMERS_READ: "Customers, their sites, and the contracts of these.",
    TokenScope.SITES_READ: "Maintenance windows and statements of account.",
    TokenScope.PEOPLE_READ: "Who is who: names, roles, addresses.",
    TokenScope.WEBHOOKS: "Webhooks and what became of their deliveries.",
}
"""What each scope lets a program do."""
