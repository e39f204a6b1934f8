"""Words of what the provider learns of once: a fact, and not a state that lasts."""

from scudo_agent.text import T, Text

ALTERED = "ledger-altered"
DAMAGED = "store-damaged"
REFUSED = "report-refused"
UNSTORED = "store-takes-nothing"
FLOOD = "mail-flood"

FACTS = (ALTERED, DAMAGED, REFUSED, UNSTORED, FLOOD)
"""What happened, and is over when nothing more of it comes (`desk.store.own_facts`)."""


def headline(about: str, site: str) -> Text:
    """What happened in a few words."""
    if about == ALTERED:
        return T("Ledger altered: {site}", site=site)
    if about == DAMAGED:
        return T("Agent's store damaged: {site}", site=site)
    if about == UNSTORED:
        return T("Agent's disk full or failing: {site}", site=site)
    if about == FLOOD:
        return T("Too many mails: {site}", site=site)
    return T("Report refused: {site}", site=site)


def over_line(about: str, *, ref: str, site: str) -> Text:
    """The subject of the mail when nothing more has come."""
    if about == ALTERED:
        return T("[{ref}] Ledger in order again: {site}", ref=ref, site=site)
    if about == DAMAGED:
        return T("[{ref}] Agent's store in order again: {site}", ref=ref, site=site)
    if about == UNSTORED:
        return T("[{ref}] Agent's disk in order again: {site}", ref=ref, site=site)
    if about == FLOOD:
        return T("[{ref}] No longer too many mails: {site}", ref=ref, site=site)
    return T("[{ref}] Nothing more refused: {site}", ref=ref, site=site)


def lead(about: str, site: str) -> Text:
    """What it means, in a sentence or two."""
    if about == ALTERED:
        return T(
            "The ledger of the agent of {site} is not the one that it told before, as "
            "after somebody wrote in its store. What the desk was told first stands, "
            "and statements follow from that.",
            site=site,
        )
    if about == DAMAGED:
        return T(
            "The agent of {site} found its store damaged and made it anew. What it had "
            "not told the desk by then may be missing; the ledger counts that time as "
            "not measured.",
            site=site,
        )
    if about == UNSTORED:
        return T(
            "The agent of {site} has a disk that is full or takes nothing. What it "
            "cannot store it tells to nobody: look after its disk now; the ticket's "
            "history says what it sees meanwhile.",
            site=site,
        )
    if about == FLOOD:
        return T(
            "An address sends more mails about {site} than people write, as programs "
            "do that answer each other. More of them are set aside, and nobody is "
            "answered, until an hour has passed without one.",
            site=site,
        )
    return T(
        "The desk cannot take something that the agent of {site} reports. The agent "
        "keeps it aside (“scudo-agent outbox list”); everything else goes on.",
        site=site,
    )


def recovered(about: str, site: str) -> Text:
    """That nothing more has come."""
    if about == ALTERED:
        return T("the ledger of {site} has been in order for an hour.", site=site)
    if about == DAMAGED:
        return T("the store of {site} has been in order for an hour.", site=site)
    if about == UNSTORED:
        return T("the disk of {site} has been in order for an hour.", site=site)
    if about == FLOOD:
        return T("the mails about {site} were not too many for an hour.", site=site)
    return T("nothing more from {site} was refused for an hour.", site=site)
