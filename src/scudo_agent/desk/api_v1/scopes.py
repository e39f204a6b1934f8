"""What a token may be made for; never more than its person may."""

from enum import StrEnum


class TokenScope(StrEnum):
    """One part of a person's rights that a program is given."""

    TICKETS_READ = "tickets:read"
    TICKETS_WRITE = "tickets:write"
    CUSTOMERS_READ = "customers:read"
    SITES_READ = "sites:read"
    PEOPLE_READ = "people:read"
    CUSTOMERS_WRITE = "customers:write"
    WINDOWS_WRITE = "windows:write"
    PEOPLE_WRITE = "people:write"
    WEBHOOKS = "webhooks"


SCOPES = {
    TokenScope.TICKETS_READ: "Tickets with their histories and files.",
    TokenScope.TICKETS_WRITE: "Notes, states and new requests, in its person's name.",
    TokenScope.CUSTOMERS_READ: "Customers, their sites, and the contracts of these.",
    TokenScope.SITES_READ: "Maintenance windows and statements of account.",
    TokenScope.PEOPLE_READ: "Who is who: names, roles, addresses.",
    TokenScope.CUSTOMERS_WRITE: "Customers, sites, contracts, and which one holds.",
    TokenScope.WINDOWS_WRITE: "Maintenance windows: announced, moved, cancelled.",
    TokenScope.PEOPLE_WRITE: "People: invited, given a role, locked out.",
    TokenScope.WEBHOOKS: "Webhooks and what became of their deliveries.",
}
"""What each scope lets a program do."""
