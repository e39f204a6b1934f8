"""`scudo-agent contract window`: what a window would do, before it is booked."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scudo_agent.cli.contract import add_file, add_language

if TYPE_CHECKING:
    from scudo_agent.contract.account import Timeline
    from scudo_agent.contract.booking import Effect, Plan
    from scudo_agent.contract.model import Span
    from scudo_agent.contract.windows import Assessment, WindowRules
    from scudo_agent.instant import Instant
    from scudo_agent.intervals import Interval
    from scudo_agent.text import Text

KINDS = ("ordinary", "extraordinary", "upgrade", "occasional")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The plan, and what is known of the year."""
    add_file(parser)
    parser.add_argument("--kind", required=True, choices=KINDS, help="kind of window")
    instant = "with an offset: 2026-06-03T00:30:00+02:00"
    parser.add_argument("--start", required=True, metavar="T", help=instant)
    parser.add_argument("--end", required=True, metavar="T", help=instant)
    parser.add_argument(
        "--announced", metavar="T", help="when the customer is told; default: now"
    )
    parser.add_argument(
        "--peak-notice",
        metavar="T",
        help="of an upgrade: when the customer told of the peak",
    )
    parser.add_argument(
        "--within",
        metavar="HH:MM-HH:MM",
        help="hours of a day for the next slot, local; 22:00-06:00 passes midnight",
    )
    parser.add_argument(
        "--service",
        action="append",
        metavar="S",
        help="what it covers, more than once for several; default: all",
    )
    parser.add_argument(
        "--history", type=Path, metavar="H.jsonl", help="for what is left of the budget"
    )
    parser.add_argument(
        "--windows", type=Path, metavar="W.jsonl", help="windows that are there already"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_language(parser)


def run(args: argparse.Namespace) -> int:
    """Print what would be excluded, when to announce it, the next slot, the budget."""
    from scudo_agent.cli.contract_uptime import read_inputs
    from scudo_agent.contract import booking
    from scudo_agent.contract.windows import WindowRules

    plan, within = _plan(args), _within(args.within)
    sound, history, windows = read_inputs(args.file, args.history, args.windows)
    rules = WindowRules(sound.contract)
    asked = _asked(args.service, history.services)
    histories = {**history.services, **dict.fromkeys(asked, ())}
    answer = Answer(
        rules,
        plan,
        booking.assess(rules, plan),
        booking.announce_by(rules, plan),
        booking.next_slot(rules, plan, within),
        booking.effect(
            sound.contract, plan, windows=windows.windows, histories=histories
        ),
    )
    if args.json:
        from scudo_agent.contract.exact import dumps

        print(dumps(answer.to_json(args.language)))
    else:
        from scudo_agent.cli.contract_plan_screen import show

        show(answer, args.language, known=args.history is not None)
    return 0


class Answer:
    """Everything that is said of a plan."""

    def __init__(
        self,
        rules: "WindowRules",
        plan: "Plan",
        assessment: "Assessment",
        announce_by: "Instant | None",
        slot: "Interval | Text",
        effects: "list[Effect]",
    ) -> None:
        self.rules, self.plan, self.assessment = rules, plan, assessment
        self.announce_by, self.slot, self.effects = announce_by, slot, effects

    def to_json(self, language: str) -> dict[str, Any]:
        """As documented in `docs/contract.md`."""
        from scudo_agent.contract.figures import local, local_span
        from scudo_agent.locale import translator
        from scudo_agent.text import Text

        zone = self.rules.contract.timezone
        plan, slot = self.plan, self.slot
        return {
            "window": {
                "kind": plan.kind.value,
                "services": list(plan.services),
                "announced": local(plan.announced, zone),
                "start": local(plan.start, zone),
                "end": local(plan.end, zone),
                "peak_notice": (
                    None if plan.peak_notice is None else local(plan.peak_notice, zone)
                ),
            },
            **self._parts(language),
            "announce_by": (
                None if self.announce_by is None else local(self.announce_by, zone)
            ),
            "next_slot": (
                None
                if isinstance(slot, Text)
                else dict(zip(("start", "end"), local_span(slot, zone), strict=True))
            ),
            "no_slot": (
                translator(language).render(slot, zone=zone)
                if isinstance(slot, Text)
                else None
            ),
            "budget": [_effect(one) for one in self.effects],
        }

    def _parts(self, language: str) -> dict[str, Any]:
        from scudo_agent.contract.exact import seconds
        from scudo_agent.contract.figures import local_span
        from scudo_agent.contract.window_words import why
        from scudo_agent.locale import translator

        zone = self.rules.contract.timezone
        out: dict[str, Any] = {}
        for name, parts in (
            ("excluded", self.assessment.granted),
            ("refused", self.assessment.refused),
        ):
            shown = []
            for part in parts:
                said = why(
                    self.rules,
                    self.assessment.window,
                    part.announcement,
                    at=max(self.plan.announced, self.plan.end),
                    refusal=part.refusal,
                )
                start, end = local_span(part.span, zone)
                shown.append(
                    {
                        "start": start,
                        "end": end,
                        "seconds": seconds(part.span[1] - part.span[0]),
                        "why": translator(language).render(said, zone=zone),
                    }
                )
            total = sum(part.span[1] - part.span[0] for part in parts)
            out[name] = {"seconds": seconds(total), "parts": shown}
        return out


def _effect(one: "Effect") -> dict[str, Any]:
    from scudo_agent.contract.exact import seconds
    from scudo_agent.contract.figures import local_span

    before, after = one.before, one.after
    span = local_span(before.year, before.contract.timezone)
    return {
        "service": before.service,
        "year": dict(zip(("start", "end"), span, strict=True)),
        "allowed_before": seconds(before.budget.allowed),
        "allowed_after": seconds(after.budget.allowed),
        "used": seconds(before.budget.used),
        "remaining_before": seconds(before.budget.remaining),
        "remaining_after": seconds(after.budget.remaining),
        "counted_if_down": seconds(one.lost),
        "remaining_if_down": seconds(one.remaining_if_down),
    }


def _asked(services: list[str] | None, known: "Mapping[str, Timeline]") -> list[str]:
    """The services without a history whose budget is shown; stderr names them."""
    import sys

    from scudo_agent.config.suggest import or_choices

    if not known:
        return services or ["*"]
    missing = [name for name in services or () if name not in known and name != "*"]
    for name in missing:
        near = or_choices(name, known, there="it is about")
        print(f"the history has no line about '{name}'{near}", file=sys.stderr)
    return missing


def _plan(args: argparse.Namespace) -> "Plan":
    from scudo_agent.clock import SystemClock
    from scudo_agent.contract.booking import Plan
    from scudo_agent.contract.model import WindowKind
    from scudo_agent.errors import InputError
    from scudo_agent.instant import DAY, SECOND, Instant

    start, end = _instant("--start", args.start), _instant("--end", args.end)
    if end <= start:
        raise InputError(f"--end {args.end}: is not after --start {args.start}")
    if end - start > 366 * DAY:
        raise InputError("--end: a window is not longer than a year")
    now = Instant(SystemClock().wall() // SECOND * SECOND)
    announced = args.announced
    peak = args.peak_notice
    return Plan(
        kind=WindowKind(args.kind),
        start=start,
        end=end,
        announced=now if announced is None else _instant("--announced", announced),
        peak_notice=None if peak is None else _instant("--peak-notice", peak),
        services=tuple(args.service or ("*",)),
    )


def _instant(option: str, text: str) -> "Instant":
    from scudo_agent.config.json_lines import checked_instant
    from scudo_agent.errors import InputError

    try:
        return checked_instant(text)
    except InputError as exc:
        raise InputError(f"{option}: {exc}") from None


def _within(text: str | None) -> "Span | None":
    import re

    from scudo_agent.errors import InputError

    if text is None:
        return None
    found = re.fullmatch(r"(\d\d):(\d\d)-(\d\d):(\d\d)", text)
    hours = [int(part) for part in found.groups()] if found else []
    if hours and max(hours[1], hours[3]) < 60:
        first, last = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
        if first < 1440 and last <= 1440 and first != last:
            return first, last
    raise InputError(f"--within: '{text}' is no span of hours such as 22:00-06:00")
