"""Who is on call, for programs: the API and the command line say the same."""

from typing import Any

from scudo_agent.desk.rota import turns
from scudo_agent.desk.store.on_call import OnCall
from scudo_agent.instant import DAY, Instant, format_instant

AHEAD_US = 28 * DAY
"""So far ahead turns are told."""


def on_call_json(now: OnCall) -> dict[str, Any]:
    """Who is called first now, who next, and the turns to come."""
    rota = None if now.rota is None else now.rota.rota
    end = Instant(now.at + AHEAD_US)
    change = end if now.planned is None else min(end, now.planned.since)
    listed = list(turns(rota, now.in_force, now.at, change))
    if now.planned is not None and change < end:
        listed += turns(now.planned.rota, now.in_force, change, end)
    return {
        "at": format_instant(now.at),
        "line": [_person(now, one) for one in now.line],
        "turns": [
            {
                "person": _person(now, one.person_id),
                "start": format_instant(one.start),
                "end": format_instant(one.end),
                "swapped": one.swapped,
            }
            for one in listed
            if one.person_id in now.names
        ],
    }


def _person(now: OnCall, number: int) -> dict[str, Any]:
    return {"id": number, "name": now.names[number]}
