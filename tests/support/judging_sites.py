"""A JudgeSite from a case's `site`, and its events; apart from the config room."""

import json
from pathlib import Path
from typing import Any

from scudo_agent.instant import Instant, parse_duration, parse_instant
from scudo_agent.judge.engine import AgentStart, AgentStop, Event
from scudo_agent.judge.site import CheckRule, JudgeSite, ServiceRule
from scudo_agent.model import Observation, Result

CASES = sorted((Path(__file__).parents[1] / "cases").glob("judge-*.json"))


def site_from(data: dict[str, Any]) -> JudgeSite:
    """The site of a case: only the keys that judging needs."""
    defaults = {"interval": 60, "confirm": 3, "recover": 2} | data.get("defaults", {})
    checks: dict[str, CheckRule] = {}
    depends_on: dict[str, tuple[str, ...]] = {}
    for target, body in data["targets"].items():
        depends_on[target] = tuple(body.get("depends_on", ()))
        for name, own in body["checks"].items():
            rule = defaults | own
            checks[f"{target}/{name}"] = CheckRule(
                path=f"{target}/{name}",
                target=target,
                interval_us=parse_duration(rule["interval"]),
                confirm=rule["confirm"],
                recover=rule["recover"],
                local=body.get("local", False),
                definition=str(rule.get("definition", "")),
            )
    services = {
        id_: ServiceRule(
            id=id_,
            checks=tuple(body["checks"]),
            need=_need(body["need"], len(body["checks"])),
            contracted=body.get("contracted", False),
        )
        for id_, body in data.get("services", {}).items()
    }
    return JudgeSite(
        checks=checks,
        depends_on=depends_on,
        vantage=tuple(data.get("vantage", ())),
        services=services,
    )


def _need(word: Any, n: int) -> int:
    if word == "all":
        return n
    return 1 if word == "any" else int(word["at_least"])


def events_from(rows: list[dict[str, Any]]) -> list[Event]:
    """Events of a case."""
    return [_event(parse_instant(row["t"]), row) for row in rows]


def _event(at: Instant, row: dict[str, Any]) -> Event:
    if "agent" in row:
        return AgentStart(at) if row["agent"] == "start" else AgentStop(at)
    return Observation(check=row["check"], at=at, result=Result(row["result"]))


def load_case(path: Path) -> dict[str, Any]:
    """One case of the table."""
    case: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return case
