"""`scudo-agent maintenance` against a desk elsewhere: what it prints and refuses."""

import argparse
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from icalendar import Calendar

from scudo_agent.cli import maintenance as maintenance_command
from scudo_agent.cli import maintenance_actions
from scudo_agent.cli.main import main
from scudo_agent.config.window_file import read_windows
from scudo_agent.desk.app import Desk
from scudo_agent.desk.store.scope import Scope
from scudo_agent.desk.windows import window_of
from support.desk_thread import served_desk
from support.desking import T0, contract, site
from support.json_page import EXPLAINED, WINDOWS, validator

SITE = """\
version: 1
site: acme-milano
customer: {{id: acme, name: ACME S.p.A., mail: it@acme.example, language: it}}
timezone: Europe/Rome
contract: prova
desk: {{url: '{url}', key: 'file:agent.key'}}
targets:
  here: {{local: true, checks: {{disk: {{host: {{disk: /}}}}}}}}
services:
  erp: {{title: {{it: Gestionale, en: ERP}}, checks: [here/disk]}}
"""
SPAN = ("--start", "2026-11-26T22:00:00+01:00", "--end", "2026-11-27T02:00:00+01:00")
NEW = ("--kind", "ordinary", "--services", "erp", "--reason", "Aggiornamento")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A served desk that knows the site and its contract."""
    with served_desk(tmp_path) as served:
        key = served.enrol_embedded(site(brings=contract()))
        (tmp_path / "agent.key").write_text(key)
        (tmp_path / "site.yaml").write_text(SITE.format(url=served.address))
        yield served


@pytest.fixture
def maintenance(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs the command at the desk's time; its code and what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(maintenance_actions, "_now", lambda: T0)
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    def run(*words: str) -> tuple[int, str, str]:
        code = main(["maintenance", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def windows(desk: Desk) -> list[Any]:
    """What the desk has."""
    return [line.state for line in desk.store.windows.lines(Scope.of_staff())]


def added(maintenance: Run, *words: str) -> str:
    """Announce a window; its id."""
    code, out, err = maintenance("add", *NEW, *SPAN, "--yes", "--json", *words)
    assert code == 0, err
    return str(json.loads(out)["windows"][0]["id"])


def test_add_shows_what_is_excluded_and_announces(desk: Desk, maintenance: Run) -> None:
    code, out, _ = maintenance("add", *NEW, *SPAN, "--yes", "--by", "anna")
    assert code == 0
    [state] = windows(desk)
    assert out.splitlines() == [
        "Ordinary maintenance: erp   (times: Europe/Rome)",
        "  Thu 2026-11-26 22:00 - Fri 02:00",
        "  excluded  4 h: announced 3 calendar days ahead, 2 needed",
        "  announce by Tue 2026-11-24 23:59:59: later, less or nothing is excluded",
        f"{state.id}  announced: Thu 2026-11-26 22:00 - Fri 02:00 (Europe/Rome)",
    ]
    assert [one.id for one in desk.store.windows.services(_who(desk))] == ["erp"]


def test_add_says_that_it_is_too_late_for_the_clause(
    desk: Desk, maintenance: Run
) -> None:
    late = ("--start", "2026-11-24T22:00:00+01:00", "--end", SPAN[3])
    code, out, _ = maintenance("add", *NEW, *late, "--yes")
    assert code == 0
    assert "counted   52 h: announced 1 calendar day ahead, 2 needed" in out
    assert "it should have been announced by Sun 2026-11-22 23:59:59" in out


def test_a_series_is_previewed_over_both_changes_of_the_clock(
    desk: Desk, maintenance: Run
) -> None:
    words = ("--every", "every sunday 01:00-05:00", "--until", "2027-11-07")
    code, out, _ = maintenance("add", *NEW, *words, "--yes")
    assert code == 0
    [spring] = [line for line in out.splitlines() if "2027-03-28" in line]
    assert "(+0100 → +0200)" in spring
    assert "excluded 3 h" in spring
    assert spring.endswith("<- shorter: the clock is put forward")
    [autumn] = [line for line in out.splitlines() if "2027-10-31" in line]
    assert "excluded 5 h" in autumn
    assert autumn.endswith("<- longer: the clock is put back")
    assert "50 windows, one mail to the customer" in out
    found = windows(desk)
    assert len(found) == 50
    assert f"{found[0].series}  announced: 50 windows" in out


def test_what_is_left_out_by_the_clock_is_shown_and_not_announced(
    desk: Desk, maintenance: Run
) -> None:
    words = ("--every", "every sunday 02:00-03:00", "--from", "2027-03-21")
    code, out, _ = maintenance(
        "add", *NEW, *words, "--until", "2027-04-04", "--each", "--yes"
    )
    assert code == 0
    [gone] = [line for line in out.splitlines() if "2027-03-28" in line]
    assert gone.endswith("<- left out: the clock skips it")
    assert "2 windows, 2 mails to the customer" in out
    assert len(windows(desk)) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--start", "2026-11-26T22:00", "--end", SPAN[3]),
            "--start: '2026-11-26T22:00' has no offset; in Europe/Rome that is "
            "2026-11-26T22:00:00+01:00",
        ),
        (
            ("--start", "2026-06-03T00:30:00", "--end", SPAN[3]),
            "in Europe/Rome that is 2026-06-03T00:30:00+02:00",
        ),
        (("--start", "soon", "--end", SPAN[3]), "'soon' is not an instant with"),
        (("--start", SPAN[3], "--end", SPAN[1]), "--end must be after --start"),
        (("--start", SPAN[1]), "give --start and --end, or --every and --until"),
        (("--every", "every sunday 01:00-05:00"), "--every needs --until"),
        (
            (*SPAN, "--every", "every sunday 01:00-05:00", "--until", "2027-01-01"),
            "leave out --start and --end",
        ),
        (
            ("--every", "every sunday 01:00-05:00", "--until", "2027-01"),
            "--until: '2027-01' is no day such as 2027-06-30",
        ),
        (("--every", "sundays", "--until", "2027-01-01"), "is no recurrence such as"),
        (
            (*SPAN, "--services", "erpp"),
            "unknown services: erpp; this site has erp",
        ),
        ((*SPAN, "--services", ","), "--services: name at least one, or '*'"),
        (
            (*SPAN, "--kind", "upgrade", "--peak-notice", "2026-12-24T10:00:00Z"),
            "which is yet to come",
        ),
        (
            (
                *("--start", "2026-11-20T22:00:00+01:00"),
                *("--end", "2026-11-21T22:00:00+01:00"),
            ),
            "a customer is told before the end",
        ),
    ],
)
def test_what_cannot_be_meant_ends_with_two_and_announces_nothing(
    desk: Desk, maintenance: Run, words: tuple[str, ...], said: str
) -> None:
    code, _, err = maintenance("add", *NEW, *words, "--yes")
    assert code == 2
    assert said in err
    assert windows(desk) == []


def test_nobody_is_told_without_a_yes(
    desk: Desk, maintenance: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = maintenance("add", *NEW, *SPAN)
    assert code == 2
    assert "nobody can be asked here: say --yes" in err

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for answer, expected, count in (("n\n", 1, 0), ("\n", 1, 0), ("y\n", 0, 1)):
        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        code, out, _ = maintenance("add", *NEW, *SPAN)
        assert code == expected
        assert "Announce it? The customer is told by mail at once. [y/N]" in out
        assert len(windows(desk)) == count


def test_list_shows_what_is_to_come_and_says_what_it_hides(
    desk: Desk, maintenance: Run
) -> None:
    assert maintenance("list")[1] == "no windows are planned or open\n"
    name, gone = added(maintenance), added(maintenance)
    assert maintenance("cancel", gone, "--reason", "rinviato", "--yes")[0] == 0
    code, out, _ = maintenance("list")
    assert code == 0
    assert out.splitlines() == [
        "WINDOW        STATE      KIND           WHEN (Europe/Rome)"
        "                   SERVICES",
        f"{name}  planned    ordinary       Thu 2026-11-26 22:00 - Fri 02:00     erp",
        "1 over or cancelled; --all shows them",
    ]
    assert f"{gone}  cancelled" in maintenance("list", "--all")[1]
    document = json.loads(maintenance("list", "--all", "--json")[1])
    assert document["revision"] == T0 + 2
    assert {one["id"] for one in document["windows"]} == {name, gone}


def test_a_window_is_moved_explained_corrected_and_cancelled(
    desk: Desk, maintenance: Run, tmp_path: Path
) -> None:
    name = added(maintenance)
    start, end = "2026-11-24T22:00:00+01:00", "2026-11-27T00:00:00+01:00"
    code, out, _ = maintenance("move", name, "--start", start, "--end", end, "--yes")
    assert code == 0
    assert "  is    Thu 2026-11-26 22:00 - Fri 02:00" in out
    assert "  to be Tue 2026-11-24 22:00 - Fri 00:00" in out
    code, out, _ = maintenance("explain", name)
    assert code == 0
    # Taken over from the first announcement, which came in time for its part.
    assert (
        "  excluded: Thu 2026-11-26 22:00 - Fri 00:00 (2 h): "
        "announced 3 calendar days ahead, 2 needed"
    ) in out
    assert "  not excluded: Tue 2026-11-24 22:00 - Thu 22:00 (48 h): announced 1" in out
    assert "  excluded in all: 2 h" in out
    found = json.loads(maintenance("explain", name, "--json")[1])
    validator(EXPLAINED).validate(found)
    assert found["excluded_seconds"] == 7200
    assert [part["seconds"] for part in found["refused"]] == [48 * 3600]
    said = maintenance("explain", name, "--language", "it")[1]
    assert said.splitlines() == [
        f"{name}  prevista  ordinaria  Aggiornamento   (orari: Europe/Rome)",
        "  comunicata lun 2026-11-23 10:41:50: gio 2026-11-26 22:00 - ven 02:00",
        "  comunicata lun 2026-11-23 10:41:50: mar 2026-11-24 22:00 - ven 00:00",
        "  escluso: gio 2026-11-26 22:00 - ven 00:00 (2 h): annunciata con 3 giorni di "
        "calendario di anticipo, ne servono 2",
        "  non escluso: mar 2026-11-24 22:00 - gio 22:00 (48 h): annunciata con 1 "
        "giorno di calendario di anticipo, ne servono 2",
        "  escluso in tutto: 2 h",
    ]
    change = ("--change", "ended at 23:30", "--reason", "done", "--by", "eva")
    assert maintenance("correct", name, *change)[0] == 0
    assert maintenance("cancel", name, "--reason", "rinviato", "--yes")[0] == 0
    out = maintenance("explain", name)[1]
    assert "cancelled Mon 2026-11-23 10:41" in out
    assert "by eva: ended at 23:30 (done); it changes no figure" in out
    code, out, _ = maintenance("export", "--out", "windows.ics")
    assert (code, out) == (0, "windows.ics: 1 windows\n")
    [event] = Calendar.from_ical((tmp_path / "windows.ics").read_bytes()).walk("VEVENT")
    assert event["STATUS"] == "CANCELLED"


def test_what_programs_read_is_as_its_schema_says(desk: Desk, maintenance: Run) -> None:
    name = added(maintenance)
    moved = ("--start", "2026-11-24T22:00:00+01:00", "--end", SPAN[3])
    change = ("--change", "ended at 23:30", "--reason", "done", "--by", "eva")
    for words in (
        ("list",),
        ("move", name, *moved, "--yes"),
        ("correct", name, *change),
        ("cancel", name, "--reason", "rinviato", "--yes"),
        ("list", "--all"),
    ):
        code, out, err = maintenance(*words, "--json")
        assert code == 0, err
        found = json.loads(out)
        validator(WINDOWS).validate(found)
        assert [one["id"] for one in found["windows"]] == [name]
    found = json.loads(maintenance("explain", name, "--json")[1])
    validator(EXPLAINED).validate(found)
    assert (found["phase"], found["excluded_seconds"]) == ("cancelled", 0)


def test_a_move_is_previewed_with_what_was_told_before(
    desk: Desk, maintenance: Run
) -> None:
    name = added(maintenance)
    start, end = "2026-11-24T22:00:00+01:00", "2026-11-27T00:00:00+01:00"

    code, out, _ = maintenance("move", name, "--start", start, "--end", end)

    assert code == 2  # nobody can be asked
    assert "  excluded  2 h: announced 3 calendar days ahead, 2 needed" in out
    assert "  counted   48 h: announced 1 calendar day ahead, 2 needed" in out
    assert "  it should have been announced by Sun 2026-11-22 23:59" in out
    # Shortened: all that is left was told in time, and nothing is late.
    start = "2026-11-26T23:00:00+01:00"
    out = maintenance("move", name, "--start", start, "--end", end)[1]
    assert "  excluded  1 h: announced 3 calendar days ahead" in out
    assert "counted" not in out


def test_a_move_is_previewed_with_its_peak_notice(desk: Desk, maintenance: Run) -> None:
    upgrade = ("--kind", "upgrade", "--services", "erp", "--reason", "Potenziamento")
    code, out, err = maintenance("add", *upgrade, *SPAN, "--yes", "--json")
    assert code == 0, err
    [found] = json.loads(out)["windows"]

    code, out, _ = maintenance("move", found["id"], *SPAN)
    assert "counted   4 h: an upgrade of which no peak notice was given" in out
    peak = ("--peak-notice", "2026-11-20T09:00:00+01:00")
    code, out, _ = maintenance("move", found["id"], *SPAN, *peak)
    assert "  excluded  1 h: the first 1 h of an upgrade" in out
    assert "  counted   3 h: beyond the first 1 h of an upgrade" in out


def test_what_is_exported_is_what_the_account_reads(
    desk: Desk, maintenance: Run, tmp_path: Path
) -> None:
    name = added(maintenance)
    change = ("--change", "ended at 23:30", "--reason", "done")
    assert maintenance("correct", name, *change)[0] == 0
    code, out, _ = maintenance("export", "--jsonl", "--out", "w.jsonl")
    assert (code, out) == (0, "w.jsonl: 1 windows\n")
    found, faults = read_windows(tmp_path / "w.jsonl")
    assert faults == []
    assert found.windows == tuple(window_of(state) for state in windows(desk))


@pytest.mark.parametrize(
    "words",
    [
        ("explain", "MW-0000-0000"),
        ("cancel", "MW-0000-0000", "--reason", "x", "--yes"),
        ("move", "MW-0000-0000", *SPAN, "--yes"),
        ("correct", "MW-0000-0000", "--change", "x", "--reason", "y"),
    ],
)
def test_an_unknown_window_is_wrong_input(
    desk: Desk, maintenance: Run, words: tuple[str, ...]
) -> None:
    code, _, err = maintenance(*words)
    assert code == 2
    assert "no such window" in err


@pytest.mark.parametrize("name", ["MW-\udcff", "MW\n", "../contract", "a?b#c"])
def test_a_window_with_no_name_of_one_is_wrong_input(
    desk: Desk, maintenance: Run, name: str
) -> None:
    words = ("--change", "ended at 23:30", "--reason", "done")
    code, out, err = maintenance("correct", name, *words)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "order", ["SITE ID -", "- SITE ID", "SITE - ID", "ID - SITE", "ID SITE -", "- ID"]
)
def test_the_site_stands_first_and_words_anywhere(
    monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    meant: list[tuple[str, str | None]] = []

    def note(args: argparse.Namespace, _case: object) -> int:
        meant.append((args.id, args.site and str(args.site)))
        return 0

    monkeypatch.setattr(maintenance_command, "open_case", lambda _args: None)
    monkeypatch.setitem(maintenance_actions.ACTIONS, "correct", note)
    words = {
        "SITE": ["acme/site.yaml"],
        "ID": ["MW-7F3K-9QZ2"],
        "-": ["--change", "ended at 23:30", "--reason", "done"],
    }
    said = [word for one in order.split() for word in words[one]]
    assert main(["maintenance", "correct", *said]) == 0
    site = "acme/site.yaml" if "SITE" in order else None
    assert meant == [("MW-7F3K-9QZ2", site)]


def test_an_action_without_an_id_and_one_with_a_word_too_many(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for words, told in (
        (("explain",), "the following arguments are required: ID"),
        (("explain", "site.yaml", "MW-1", "--json", "x"), "unrecognized arguments: x"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["maintenance", *words])
        assert ended.value.code == 2
        assert told in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--reason", "--by"])
def test_bytes_that_are_no_text_are_told(
    desk: Desk, maintenance: Run, option: str
) -> None:
    code, _, err = maintenance("add", *NEW, *SPAN, "--yes", option, "caf\udce9")
    assert code == 2
    assert "is no UTF-8 text" in err
    assert windows(desk) == []


def test_a_desk_that_cannot_be_asked_is_a_failure(
    desk: Desk, maintenance: Run, tmp_path: Path
) -> None:
    path = tmp_path / "agent.key"
    key = path.read_text()
    path.write_text("sca_wrong")
    code, _, err = maintenance("list")
    assert code == 1
    assert "does not accept this agent's key (401)" in err
    assert "sca_wrong" not in err
    path.write_text(key)
    text = (tmp_path / "site.yaml").read_text()
    closed = text.replace(desk.address, "http://127.0.0.1:9")
    (tmp_path / "site.yaml").write_text(closed)
    code, _, err = maintenance("list")
    assert code == 1
    assert err.startswith("http://127.0.0.1:9: the desk cannot be asked: ")


def test_an_embedded_desk_needs_its_agent(
    desk: Desk, maintenance: Run, tmp_path: Path
) -> None:
    text = SITE.format(url="x").replace("contract: prova\n", "")
    link = "{url: 'x', key: 'file:agent.key'}"
    (tmp_path / "site.yaml").write_text(text.replace(link, "embedded"))
    code, _, err = maintenance("list")
    assert code == 1
    assert "no agent runs here" in err
    assert "start it with 'scudo-agent run'" in err


def _who(desk: Desk) -> Any:
    from scudo_agent.desk.store.scope import AgentIdentity

    return AgentIdentity(tenant_id="acme", site_id="acme-milano", agent_id="x")


def test_windows_are_listed_in_the_order_of_time(desk: Desk, maintenance: Run) -> None:
    for day in (28, 25, 27):
        span = (f"2026-11-{day}T22:00:00+01:00", f"2026-11-{day}T23:00:00+01:00")
        words = ("--start", span[0], "--end", span[1], "--yes")
        assert maintenance("add", *NEW, *words)[0] == 0
    _, out, _ = maintenance("list")
    days = [line.split("2026-11-")[1][:2] for line in out.splitlines()[1:]]
    assert days == ["25", "27", "28"]


def test_add_hints_at_a_window_of_the_same_service_that_it_overlaps(
    desk: Desk, maintenance: Run
) -> None:
    first = added(maintenance)
    later = (
        "--start",
        "2026-11-27T01:00:00+01:00",
        "--end",
        "2026-11-27T03:00:00+01:00",
    )
    _, out, _ = maintenance("add", *NEW, *later, "--yes")
    hint = f"  overlaps {first} (ordinary, erp): Thu 2026-11-26 22:00 - Fri 02:00"
    assert hint in out.splitlines()
    after = (
        "--start",
        "2026-11-27T03:00:00+01:00",
        "--end",
        "2026-11-27T04:00:00+01:00",
    )
    _, out, _ = maintenance("add", *NEW, *after, "--yes")
    assert "overlaps" not in out


def test_lengths_are_cut_alike_in_the_parts_and_in_all(
    desk: Desk, maintenance: Run
) -> None:
    odd = ("--start", SPAN[1], "--end", "2026-11-26T22:59:59.700000+01:00")
    code, out, _ = maintenance("add", *NEW, *odd, "--yes", "--json")
    assert code == 0
    name = str(json.loads(out)["windows"][0]["id"])
    _, out, _ = maintenance("explain", name)
    assert "(59 min 59 s): " in out
    assert "excluded in all: 59 min 59 s" in out
    assert "1 h" not in out


def test_a_refusal_speaks_of_the_sites_time(desk: Desk, maintenance: Run) -> None:
    far = ("--start", "2036-07-01T22:00:00+02:00", "--end", "2036-07-02T02:00:00+02:00")
    code, _, err = maintenance("add", *NEW, *far, "--yes")
    assert code == 2
    assert "the window ends at 2036-07-02 02:00:00 +02:00: " in err
