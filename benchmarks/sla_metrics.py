"""The accounts of 1,000 services at a scrape, of which 10 changed since the last.

    python benchmarks/sla_metrics.py [ROUNDS]

Each service has 50 outages and half of them lie in one of 100 windows. In each round
10 services change, then the accounts are brought up to date (what is asked for), made
anew from the whole history (the usual way, for the ratio), compared, and written as
text. Figures are CPU time of this process, on this machine; the goal is 20 ms, median.
"""

import platform
import random
import statistics
import sys
import time
from types import SimpleNamespace
from typing import Any, cast

from scudo_agent.agent.accounts import Accounts
from scudo_agent.config.contract_file import contract_of_data
from scudo_agent.contract.account import AccountYear, classes
from scudo_agent.contract.calendar import Calendar
from scudo_agent.contract.model import Announcement, Window, WindowKind
from scudo_agent.instant import DAY, HOUR, MINUTE, SECOND, Instant, parse_instant
from scudo_agent.judge.batch import Change
from scudo_agent.judge.service import check_timeline
from scudo_agent.model import State
from scudo_agent.telemetry.account_lines import account_text
from scudo_agent.telemetry.metric import SLA_CLASSES

SERVICES, CHANGED, OUTAGES, WINDOWS = 1_000, 10, 50, 100
GOAL_MS = 20.0
START = parse_instant("2026-01-01T00:00:00+01:00")
CONTRACT = contract_of_data(
    {
        "id": "bench",
        "title": "Bench",
        "year_start": "2026-01-01",
        "service_hours": {"weekly": {"mon-fri": ["09:00-18:00"]}},
    },
    name="bench",
)


class Ledger:
    """Changes of checks, as a store has them."""

    def __init__(self, rng: random.Random) -> None:
        self.entries: dict[str, list[Change]] = {}
        for number in range(SERVICES):
            name = f"s{number:04d}/up"
            self.add(name, State.UP, START)
            step = 180 * DAY // OUTAGES
            for outage in range(OUTAGES):
                at = START + outage * step + rng.randrange(step // 2)
                self.add(name, State.DOWN, Instant(at))
                self.add(name, State.UP, Instant(at + rng.randrange(1, 60) * MINUTE))

    def add(self, check: str, state: State, at: Instant) -> Change:
        one = Change(check=check, state=state, since=at, decided=at)
        self.entries.setdefault(check, []).append(one)
        return one

    def timelines(self, _since: Instant, _until: Instant) -> Any:
        return self.entries


def _windows(rng: random.Random) -> dict[str, Window]:
    """All announced before the year's days begin."""
    found = {}
    for number in range(WINDOWS):
        start = Instant(START + (number + 1) * 3 * DAY + rng.randrange(24) * HOUR)
        told = Announcement(announced=START, start=start, end=Instant(start + 4 * HOUR))
        found[f"w{number}"] = Window(
            id=f"w{number}",
            kind=WindowKind.ORDINARY,
            services=("*",),
            announcements=(told,),
        )
    return found


def main(rounds: int) -> int:
    """Print the figures; 1 when the goal is missed or an account differs."""
    rng = random.Random(3)
    ledger, windows = Ledger(rng), _windows(rng)
    services = {
        f"s{n:04d}": SimpleNamespace(
            id=f"s{n:04d}", contracted=True, checks=(f"s{n:04d}/up",), need=1
        )
        for n in range(SERVICES)
    }
    site: Any = SimpleNamespace(contract=CONTRACT, services=services)
    accounts = Accounts(cast(Any, ledger), site=lambda: site, windows=lambda: windows)
    at, calendar = Instant(START + 200 * DAY), Calendar(CONTRACT)
    began = time.process_time()
    accounts.look(at)
    first_ms = (time.process_time() - began) * 1000
    moved, anew, written = [], [], []
    names = list(services)
    wrong = 0
    for _ in range(rounds):
        at = Instant(at + 15 * SECOND)
        for name in rng.sample(names, CHANGED):
            check = f"{name}/up"
            state = State.DOWN if rng.random() < 0.5 else State.UP
            accounts.committed([ledger.add(check, state, Instant(at - 5 * SECOND))])
        began = time.process_time()
        found = accounts.look(at)
        moved.append((time.process_time() - began) * 1000)
        began = time.process_time()
        year = AccountYear(CONTRACT, windows.values(), at=at, calendar=calendar)
        whole = {
            name: classes(
                year.account(name, check_timeline(ledger.entries[f"{name}/up"]))
            )
            for name in names
        }
        anew.append((time.process_time() - began) * 1000)
        wrong += sum(
            list(found[name].classes_us) != [whole[name][key] for key in SLA_CLASSES]
            for name in names
        )
        began = time.process_time()
        text = account_text(list(found.values()), ("c", "s"), openmetrics=False)
        written.append((time.process_time() - began) * 1000)
    median, whole_ms = statistics.median(moved), statistics.median(anew)
    text_ms, lines = statistics.median(written), text.count("\n")
    print(f"{platform.machine()}, Python {platform.python_version()}, {rounds} rounds")
    print(f"first look, {SERVICES} services of {OUTAGES} outages: {first_ms:.1f} ms")
    print(f"{CHANGED} of {SERVICES} changed, up to date: {median:.2f} ms, median")
    print(f"all made anew: {whole_ms:.1f} ms; ratio {whole_ms / median:.1f}")
    print(f"written as text, {lines} lines: {text_ms:.1f} ms")
    print(f"accounts that differ: {wrong}; goal: at most {GOAL_MS} ms")
    return int(bool(wrong) or median > GOAL_MS)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 50))
