"""A statement as a page: what it says, and what it must not hold."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from scudo_agent.cli.main import main
from scudo_agent.config.statement_file import read_statement
from scudo_agent.contract.account import AccountYear
from scudo_agent.contract.calendar import Calendar
from scudo_agent.contract.spans import NOTHING, Spans
from scudo_agent.errors import InputError
from scudo_agent.instant import HOUR, MINUTE, Instant
from scudo_agent.model import State
from scudo_agent.statement import charts
from scudo_agent.statement.render import STYLE_SOURCE, render_statement
from support.uptime_files import window, write

Capture = pytest.CaptureFixture[str]
MONTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
AT = ("--at", "2026-07-01T00:00:00+02:00")


def line(t: str, state: str, service: str = "erp") -> dict[str, str]:
    return {"t": t, "service": service, "state": state}


HISTORY = [
    line("2026-01-01T00:00:00+01:00", "up"),
    line("2026-06-03T00:00:00+02:00", "down"),
    line("2026-06-03T05:00:00+02:00", "up"),
    line("2026-06-20T05:00:00+02:00", "unknown"),
]
WINDOWS = [
    window("w1", "ordinary", "2026-06-03T00:30:00+02:00", "2026-06-03T04:30:00+02:00",
           announced="2026-06-01T23:30:00+02:00"),
    window("<b>", "ordinary", "2026-06-05T00:30:00+02:00", "2026-06-05T04:30:00+02:00",
           announced="2026-06-04T23:30:00+02:00"),
]  # fmt: skip


def stated(folder: Path, *options: str) -> dict[str, Any]:
    path = folder / "s.json"
    words = write(folder, HISTORY, WINDOWS)
    assert main([*words, *AT, "--statement", str(path), *options]) == 0
    return read_statement(path)


def test_the_page_in_both_languages(tmp_path: Path) -> None:
    given = stated(tmp_path)
    english, italian = (render_statement(given, language=one) for one in ("en", "it"))
    assert '<html lang="en">' in english
    assert "promised 99 % is kept." in english
    assert "It was down once, for 5 h: 1 h of that counts, 4 h fell" in english
    assert '<html lang="it">' in italian
    assert "99,9754 %" in italian
    assert "contano 1 h, mentre 4 h" in italian
    assert "announced" not in italian.partition("</style>")[2]


def test_every_figure_opens_into_why(tmp_path: Path) -> None:
    page = render_statement(stated(tmp_path), language="en")
    figures = re.findall(r"<summary>(.*?) <b>", page)
    assert figures[:4] == ["availability", "counted", "down, counted", "down, excluded"]
    assert page.count("<details>") == len(figures) == 15
    assert "Not excluded: announced 1 calendar day ahead, 2 needed." in page


def test_a_budget_that_is_exceeded_is_said_so_and_never_below_zero(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.json"
    history = [line("2026-01-01T00:00:00+01:00", "down")]
    assert main([*write(tmp_path, history, []), *AT, "--statement", str(path)]) == 0
    given = read_statement(path)
    english, italian = (render_statement(given, language=one) for one in ("en", "it"))
    assert "The budget is exceeded by 4255 h 24 min." in english
    assert "<summary>budget exceeded by <b>4255 h 24 min</b>" in english
    assert "Il monte annuo è superato di 4255 h 24 min." in italian
    for page in (english, italian):
        assert not re.search(r"[> ]-\d+ (h|min|s)\b", page)


def test_a_window_that_is_yet_to_come_is_planned_and_not_excluded_for_0_s(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.json"
    windows = [
        window("w9", "ordinary", "2026-08-12T22:00:00+02:00",
               "2026-08-13T02:00:00+02:00", announced="2026-06-01T00:00:00Z"),
    ]  # fmt: skip
    words = write(tmp_path, HISTORY, windows)
    assert main([*words, *AT, "--statement", str(path)]) == 0
    page = render_statement(read_statement(path), language="en")
    assert "Planned, 4 h will be excluded: announced 72 calendar days ahead" in page
    assert "Excluded:" not in page


def test_it_loads_and_runs_nothing(tmp_path: Path) -> None:
    page = render_statement(stated(tmp_path), language="it")
    assert f"style-src {STYLE_SOURCE.replace(chr(39), '&#39;')}" in page
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    for word in ("<script", " style=", "http://", "https://", "<img", "<link", "url("):
        assert word not in page, word
    assert "&lt;b&gt;" in page
    assert "<td><b></td>" not in page


def test_what_was_altered_is_not_drawn(tmp_path: Path) -> None:
    given = stated(tmp_path)
    given["figures"][0]["seconds"]["down_counted"] = 0
    with pytest.raises(InputError, match="was altered: figures"):
        render_statement(given, language="it")


def test_a_statement_of_a_month(tmp_path: Path, capsys: Capture) -> None:
    given = stated(tmp_path, "--month", "2026-06", "--json")
    shown = json.loads(capsys.readouterr().out)[0]["month"]
    assert (shown["month"], shown["start"]) == ("2026-06", "2026-06-01T00:00:00+02:00")
    assert shown["seconds"]["elapsed"] == 30 * 86400
    assert shown["seconds"]["down_counted"] == 3600
    assert shown["seconds"]["excluded"]["total"] == 4 * 3600
    assert main(["contract", "uptime", "--verify", str(tmp_path / "s.json")]) == 0
    page = render_statement(given, language="en")
    assert "In this month it was available for 99.7" in page
    assert "it cost 1 h of" in page


@pytest.mark.parametrize("month", ["2026-13", "2026-6", "June", "2027-01", "2025-12"])
def test_a_month_that_is_none_of_the_year(
    tmp_path: Path, month: str, capsys: Capture
) -> None:
    words = [*write(tmp_path, HISTORY, []), *AT, "--year", "2026", "--month", month]
    assert main([*words, "--json"]) == 2
    assert "month" in capsys.readouterr().err or month.startswith("20")


def test_html_beside_verify(tmp_path: Path, capsys: Capture) -> None:
    stated(tmp_path)
    page = tmp_path / "s.html"
    words = ["--verify", str(tmp_path / "s.json"), "--html", str(page)]
    assert main(["contract", "uptime", *words, "--language", "it"]) == 0
    assert '<html lang="it">' in page.read_text("utf-8")
    gone = tmp_path / "no" / "s.html"
    assert main(["contract", "uptime", *words[:2], "--html", str(gone)]) == 2
    assert "cannot be written" in capsys.readouterr().err


def account(*changes: tuple[State, Instant]) -> Any:
    from scudo_agent.config.contract_file import contract_of_data
    from support.uptime_files import STANDARD

    contract = contract_of_data(STANDARD, name="standard")
    start = AccountYear(contract, [], at=Instant(1_780_000_000_000_000)).year[0]
    history = [(State.UP, start), *((s, Instant(start + at)) for s, at in changes)]
    return AccountYear(contract, [], at=Instant(start + 300 * HOUR)).account(
        "erp", history
    )


def test_the_heat_map_shows_how_much_counts() -> None:
    found = account(
        (State.DOWN, Instant(HOUR)),
        (State.UP, Instant(HOUR + 10 * MINUTE)),
        (State.DOWN, Instant(30 * HOUR)),
        (State.UP, Instant(33 * HOUR)),
        (State.UNKNOWN, Instant(48 * HOUR)),
        (State.UP, Instant(62 * HOUR)),
    )
    rows = charts.heat_map(found, Calendar(found.contract))
    assert [len(row) for row in rows] == MONTHS
    shades = [day.shade for day in rows[0]]
    assert shades[:4] == ["down1", "down3", "unknown", "up"]
    assert shades[12:14] == ["up", "coming"]  # 300 h are twelve and a half days
    counted = sum(day.counted for row in rows for day in row)
    assert counted == found.down_counted


def test_a_minute_is_seen_and_stays_in_the_chart() -> None:
    found = account((State.DOWN, Instant(299 * HOUR)))
    (lost,) = charts.lanes(found, NOTHING)
    assert [float(bar.width) for bar in lost.bars] == [charts.NARROWEST]
    year = found.year
    late = Spans((year[1] - MINUTE,), (year[1],))
    refused = charts.lanes(found, late)[-1]
    [bar] = refused.bars
    assert float(bar.start) + float(bar.width) == pytest.approx(100, abs=0.01)


def test_the_budget_burns_down_by_what_counts() -> None:
    found = account((State.DOWN, Instant(100 * HOUR)), (State.UP, Instant(110 * HOUR)))
    field = charts.burn_down(found)
    points = [tuple(map(float, one.split(","))) for one in field.line.split()]
    assert points[0] == (0, 0)
    assert points == sorted(points)
    used = float(200 * 10 * HOUR / found.budget.allowed)
    assert points[-1][1] == pytest.approx(used, abs=0.01)
    assert float(field.zero) == pytest.approx(200)
