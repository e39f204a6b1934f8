"""Words of a ticket's history about who was called when nobody took it."""

from collections.abc import Mapping
from typing import Any

from scudo_agent.text import T, Text, Value

_QUEUE = "queue"


def called_words(
    kind: str, data: Mapping[str, Any], names: Mapping[int, str]
) -> tuple[Text, str]:
    """What an entry says, and its tone."""
    number = data.get("person")
    name = "" if number is None else names.get(int(number), str(number))
    values: dict[str, Value] = {"name": name, "n": int(data.get("step") or 0)}
    if kind == "call_acknowledged":
        if number is None:
            return T("somebody of the queue knows: nobody else is called"), "good"
        return T("knows, by the link of a call: nobody else is called"), "good"
    if kind == "calls_spent":
        return T("nobody answered the last call: no more are made"), "bad"
    if kind == "call_failed":
        if number is None:
            return T("the call to the queue's address failed"), "bad"
        return T("the call to {name} failed: the next step is made", **values), "bad"
    if number is None:
        return T("nobody has taken it: the queue is called (step {n})", **values), (
            "plain"
        )
    if data.get("way") == "channels":
        return T(
            "nobody has taken it: {name} is called by another channel (step {n})",
            **values,
        ), "plain"
    return T("nobody has taken it: {name} is called by mail (step {n})", **values), (
        "plain"
    )
