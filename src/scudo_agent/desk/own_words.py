"""Words of the provider's own incidents: about agents and desk, seen by no customer.

The agent opens `agent` and `check:desk/answer` itself; the desk opens the others
(`desk.store.own`). Each is about one site, which it names.
"""

from scudo_agent.config.desk_answer import PATH
from scudo_agent.desk import fact_words
from scudo_agent.desk.fact_words import FACTS
from scudo_agent.incident import check_subject
from scudo_agent.text import T, Text, Value
from scudo_agent.wire import Stage

ISOLATED = "agent"
SILENT = "monitoring-lost"
CLONED = "agent-cloned"
RESTORED = "desk-restored"
UNHEARD = "desk-unheard"
ONE_SILENT = "agent-silent"

_ANSWER = check_subject(PATH)
_ABOUT = (ISOLATED, SILENT, CLONED, RESTORED, ONE_SILENT, *FACTS)


def own(stage: Stage) -> str | None:
    """Which of the provider's own incidents it is; None: a customer's."""
    if stage.audience == "provider" and stage.subject_key == _ANSWER:
        return UNHEARD
    about = stage.subject_key.partition(":")[0]
    return about if stage.audience == "provider" and about in _ABOUT else None


def place(stage: Stage, site: str) -> str:
    """What it is about, as people read it: the site, or one of its two agents."""
    about, _, name = stage.subject_key.partition(":")
    return name if about == ONE_SILENT else site


def headline(about: str, site: str) -> Text:
    """What happened in a few words."""
    if about in FACTS:
        return fact_words.headline(about, site)
    if about == SILENT:
        return T("Agent silent: {site}", site=site)
    if about == CLONED:
        return T("Agent copied: {site}", site=site)
    if about == RESTORED:
        return T("Desk put back from a copy: {site}", site=site)
    if about == UNHEARD:
        return T("Desk not reached: {site}", site=site)
    if about == ONE_SILENT:
        return T("One agent of two silent: {agent}", agent=site)
    return T("Agent isolated: {site}", site=site)


def over_line(about: str, *, ref: str, site: str, length: Value) -> Text:
    """The subject of the mail when it is over."""
    if about in FACTS:
        return fact_words.over_line(about, ref=ref, site=site)
    if about == SILENT:
        return T(
            "[{ref}] Agent heard again after {length}: {site}",
            ref=ref,
            length=length,
            site=site,
        )
    if about == CLONED:
        return T("[{ref}] One agent left: {site}", ref=ref, site=site)
    if about == RESTORED:
        return T("[{ref}] Desk complete again: {site}", ref=ref, site=site)
    if about == UNHEARD:
        return T(
            "[{ref}] Desk reached again after {length}: {site}",
            ref=ref,
            length=length,
            site=site,
        )
    if about == ONE_SILENT:
        return T(
            "[{ref}] Agent heard again after {length}: {agent}",
            ref=ref,
            length=length,
            agent=site,
        )
    return T(
        "[{ref}] Agent in touch again after {length}: {site}",
        ref=ref,
        length=length,
        site=site,
    )


def lead(about: str, site: str) -> Text:
    """What has begun, in a sentence or two."""
    if about in FACTS:
        return fact_words.lead(about, site)
    if about == SILENT:
        return T(
            "The agent of {site} has not been heard of three times in a row. Until it "
            "is, what it watches there counts as not measured; the customer was told "
            "nothing.",
            site=site,
        )
    if about == CLONED:
        return T(
            "Two agents of {site} speak with one identity, as after a copied machine. "
            "Nothing that they report is taken until one of them is switched off and "
            "the other let in again; both keep what they measure.",
            site=site,
        )
    if about == RESTORED:
        return T(
            "The desk knew less than the agent of {site} had told it, as after it was "
            "put back from a copy. What was missing has been told again; no mail was "
            "sent a second time.",
            site=site,
        )
    if about == UNHEARD:
        return T(
            "The agent of {site} greeted the desk and got no answer. It goes on "
            "measuring, and tells what happened meanwhile as soon as it is heard; the "
            "customer was told nothing of this.",
            site=site,
        )
    if about == ONE_SILENT:
        return T(
            "The agent {agent} has not been heard of three times in a row. The site's "
            "other agent is heard, and what it sees counts; nobody stands in for it. "
            "The customer was told nothing.",
            agent=site,
        )
    return T(
        "The agent of {site} gets no answer from anything outside its own host. "
        "Until it does, what it watches there counts as not measured.",
        site=site,
    )


def recovered(about: str, site: str) -> Text:
    """What is over."""
    if about in FACTS:
        return fact_words.recovered(about, site)
    if about == SILENT:
        return T("the agent of {site} is heard again.", site=site)
    if about == CLONED:
        return T("one agent of {site} was let in again.", site=site)
    if about == RESTORED:
        return T("the desk has all that the agent of {site} had told it.", site=site)
    if about == UNHEARD:
        return T("the desk answers the agent of {site} again.", site=site)
    if about == ONE_SILENT:
        return T("the agent {agent} is heard again.", agent=site)
    return T("the agent of {site} is in touch again.", site=site)
