"""The actions of `scudo-agent maintenance`: each asks the desk and prints."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from scudo_agent.cli import maintenance_screen as screen
from scudo_agent.cli.common import state_folder
from scudo_agent.cli.control import news_at_the_desk
from scudo_agent.cli.maintenance import (
    Case,
    by,
    confirmed,
    day_of,
    instant_of,
    print_json,
    services_of,
    unknown,
)
from scudo_agent.clock import SystemClock
from scudo_agent.contract.booking import Plan
from scudo_agent.contract.hours import local_day
from scudo_agent.contract.model import WindowKind
from scudo_agent.contract.recurring import Occurrence, Shift, occurrences, parse_rule
from scudo_agent.desk.windows import (
    Phase,
    check_services,
    phase,
    standing,
    window_of,
)
from scudo_agent.errors import InputError, ScudoError
from scudo_agent.instant import Instant, format_instant
from scudo_agent.locale.formats import zone_info
from scudo_agent.wire_site import Windows, WindowState


def add(args: argparse.Namespace, case: Case) -> int:
    """Show what would be excluded, ask, announce."""
    services = services_of(args.services)
    check_services(services, case.site.services)
    body: dict[str, Any] = {
        "kind": args.kind,
        "services": services,
        "reason": args.reason,
        "by": by(args),
    }
    peak = None
    if args.peak_notice is not None:
        peak = instant_of(args.peak_notice, "--peak-notice", case.zone)
        body["peak_notice"] = format_instant(peak)
    if args.every is not None:
        planned = _series(args, case, body)
    else:
        planned = (_single(args, case, body),)
    now = _now()
    plans = [
        Plan(
            kind=WindowKind(args.kind),
            start=one.start,
            end=one.end,
            announced=now,
            peak_notice=peak,
            services=tuple(services),
        )
        for one in planned
        if one.shift is not Shift.GONE
    ]
    if not args.json:
        screen.preview(case, planned, plans, each=args.each)
        screen.overlaps(case, plans, _windows(case).windows, now)
    if not confirmed(args, "Announce it? The customer is told by mail at once."):
        print("nothing was announced")
        return 1
    # The site file has the services; the desk may have them from an earlier one.
    case.door.put("/services", {"services": _services(case)})
    return _told(args, case, case.door.post("/windows", body), "announced")


def show(args: argparse.Namespace, case: Case) -> int:
    """Print the windows: by default those that are not over."""
    windows = _windows(case)
    now = _now()
    shown = [w for w in windows.windows if args.all or _phase(w, now) in screen.ALIVE]
    if args.json:
        document = windows.model_copy(update={"windows": shown})
        print_json(document.model_dump(mode="json"))
    else:
        screen.listing(case, shown, now, hidden=len(windows.windows) - len(shown))
    return 0


def move(args: argparse.Namespace, case: Case) -> int:
    """Show what the new span would exclude, ask, announce it."""
    state, now = _find(case, args.id), _now()
    window = window_of(state)
    start = instant_of(args.start, "--start", case.zone)
    end = instant_of(args.end, "--end", case.zone)
    _in_order(start, end)
    body: dict[str, Any] = {
        "start": format_instant(start),
        "end": format_instant(end),
        "by": by(args),
    }
    peak = window.peak_notice
    if args.peak_notice is not None:
        peak = instant_of(args.peak_notice, "--peak-notice", case.zone)
        body["peak_notice"] = format_instant(peak)
    plan = Plan(
        kind=window.kind,
        start=start,
        end=end,
        # This machine's clock may be behind the desk's.
        announced=max(now, standing(window).announced),
        peak_notice=peak,
        services=window.services,
    )
    if not args.json:
        screen.moving(case, state, plan)
    if not confirmed(args, "Announce the new time? The customer is told at once."):
        print("nothing was announced")
        return 1
    reply = case.door.post(_path(args.id, "announcements"), body)
    return _told(args, case, reply, "announced anew")


def cancel(args: argparse.Namespace, case: Case) -> int:
    """Ask, and call off."""
    found = [w for w in _windows(case).windows if args.id in (w.id, w.series)]
    if not found:
        raise unknown(args.id)
    now = _now()
    alive = [w for w in found if _phase(w, now) in screen.ALIVE]
    if not args.json:
        # What is over or cancelled is shown as such, if there is nothing else.
        hidden = len(found) - len(alive) if alive else 0
        screen.listing(case, alive or found, now, hidden=hidden)
    if not confirmed(args, "Cancel? The customer is told by mail at once."):
        print("nothing was cancelled")
        return 1
    body = {"by": by(args), "reason": args.reason}
    reply = case.door.post(_path(args.id, "cancel"), body)
    return _told(args, case, reply, "cancelled")


def correct(args: argparse.Namespace, case: Case) -> int:
    """Note a correction; it changes no figure."""
    body = {"by": by(args), "change": args.change, "reason": args.reason}
    reply = case.door.post(_path(args.id, "corrections"), body)
    return _told(args, case, reply, "corrected")


def explain(args: argparse.Namespace, case: Case) -> int:
    """Print what a window excludes by the contract, each part with its reason."""
    if case.contract is None:
        raise ScudoError(
            f"{case.site.id}: no contract is known here or at the desk, so that nobody "
            "can say what a window excludes"
        )
    state, now = _find(case, args.id), _now()
    if args.json:
        print_json(screen.explanation_json(case, state, now, args.language))
    else:
        screen.explanation(case, state, now, args.language)
    return 0


def export(args: argparse.Namespace, case: Case) -> int:
    """Write the windows as an iCalendar file, or as `contract uptime` reads them."""
    windows = _windows(case).windows
    data = _lines(windows) if args.jsonl else case.door.get("/windows.ics").content
    if args.out is None:
        print(data.decode(), end="")
        return 0
    try:
        args.out.write_bytes(data)
    except OSError as exc:
        raise ScudoError(f"{args.out}: cannot be written: {exc.strerror}") from None
    print(f"{args.out}: {len(windows)} windows")
    return 0


def _lines(windows: Sequence[WindowState]) -> bytes:
    """`windows.jsonl` (`domain.md` 9); corrections change no figure and stay here."""
    lines = (one.model_dump_json(exclude={"corrections"}) for one in windows)
    return "".join(f"{line}\n" for line in lines).encode()


def _single(args: argparse.Namespace, case: Case, body: dict[str, Any]) -> Occurrence:
    if args.start is None or args.end is None:
        raise InputError("give --start and --end, or --every and --until")
    start = instant_of(args.start, "--start", case.zone)
    end = instant_of(args.end, "--end", case.zone)
    _in_order(start, end)
    body |= {"start": format_instant(start), "end": format_instant(end)}
    day = local_day(zone_info(case.zone), start)
    return Occurrence(day=day, start=start, end=end)


def _series(
    args: argparse.Namespace, case: Case, body: dict[str, Any]
) -> Sequence[Occurrence]:
    if args.start is not None or args.end is not None:
        raise InputError("--every has its own hours: leave out --start and --end")
    if args.until is None:
        raise InputError("--every needs --until, such as --until 2027-06-30")
    now = _now()
    last = day_of(args.until, "--until")
    first = local_day(zone_info(case.zone), now)
    if args.first is not None:
        first = day_of(args.first, "--from")
    rule = parse_rule(args.every)
    found = occurrences(rule, case.zone, first=first, last=last)
    body["series"] = {
        "rule": str(rule),
        "first": first.isoformat(),
        "last": last.isoformat(),
        "zone": case.zone,
        "announce": "each" if args.each else "together",
    }
    return tuple(one for one in found if one.start > now)


def _in_order(start: Instant, end: Instant) -> None:
    if end <= start:
        raise InputError("--end must be after --start")


def _services(case: Case) -> Any:
    return [
        {"id": one.id, "title": dict(one.title), "contracted": one.contracted}
        for one in case.site.services.values()
    ]


def _windows(case: Case) -> Windows:
    return Windows.model_validate(case.door.get("/windows").json())


def _path(name: str, what: str) -> str:
    """Where the desk takes that about a window; whatever stands in `name`."""
    return f"/windows/{quote(name, safe='', errors='replace')}/{what}"


def _find(case: Case, name: str) -> WindowState:
    for state in _windows(case).windows:
        if state.id == name:
            return state
    raise unknown(name)


def _told(args: argparse.Namespace, case: Case, reply: Any, what: str) -> int:
    windows = Windows.model_validate(reply)
    # A window that begins at once mutes at once.
    news_at_the_desk(state_folder(args))
    if args.json:
        print_json(windows.model_dump(mode="json"))
    else:
        screen.told(case, windows.windows, what)
    return 0


def _phase(state: WindowState, now: Instant) -> Phase:
    return phase(window_of(state), now)


def _now() -> Instant:
    return SystemClock().wall()


ACTIONS: Mapping[str, Callable[[argparse.Namespace, Case], int]] = {
    "add": add,
    "list": show,
    "move": move,
    "cancel": cancel,
    "correct": correct,
    "explain": explain,
    "export": export,
}
