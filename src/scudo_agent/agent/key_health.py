"""What `doctor` says of a key for the desk that the agent cannot renew."""

from collections.abc import Mapping
from typing import Any

from scudo_agent.agent.finding import Finding, fine
from scudo_agent.config.site import Site
from scudo_agent.instant import DAY, Instant, parse_instant


def key_finding(
    site: Site, status: Mapping[str, Any] | None, now: Instant
) -> Finding | None:
    """How old a key is that the agent cannot renew; None: it can, or none is needed.

    `status` is a running agent's: the desk tells the age in its greetings.
    """
    key = site.desk.key
    if site.desk.url is None or key is None or key.reference.startswith("file:"):
        return None
    told = ((status or {}).get("desk") or {}).get("key") or {}
    if told.get("since") is None:
        seen = f"in {key.reference}: a running agent that greeted its desk says its age"
        return fine("key", seen)
    age_us = now - parse_instant(told["since"])
    days = max(age_us, 0) // DAY
    seen = f"{key.reference} is in use for {days} day{'' if days == 1 else 's'}"
    if not told["due"]:
        return fine("key", seen)
    return Finding(
        about="key",
        level="warning",
        seen=f"{seen}, and the agent cannot renew what is no file",
        remedy="'scudo-agent desk agent SITE --key-file FILE' at the desk makes "
        "another and ends this one: put it there and start the agent again; or keep "
        "it in a file (desk.key: file:…), which the agent renews itself",
    )
