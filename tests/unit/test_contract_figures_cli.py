"""`contract calendar`, `sla` and `cost` at the terminal: what they print and refuse."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from scudo_agent.cli.main import main
from support.contract_data import CARD, HOURLY, SHOP, data

ROOT = Path(__file__).parents[2]
OPENED = "2026-04-03T16:30:00+02:00"
CLOCKS = [
    {"name": "take_in_charge", "within": 4, "unit": "working_hours", "until": "taken"},
    {
        "name": "processed",
        "within": 2,
        "unit": "working_days",
        "until": "processed",
        "when": {"severity": [2, 3], "origin": ["Mail"]},
    },
]


class Terminal:
    """Runs `scudo-agent contract …` on a contract of the test's."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def run(self, name: str, *words: str, **keys: Any) -> tuple[int, str, str]:
        file = self.folder / "contract.yaml"
        file.write_text(json.dumps(data(**keys)), encoding="utf-8")
        code = main(["contract", name, str(file), *words])
        out = self._capsys.readouterr()
        return code, out.out, out.err

    def cards(self, text: str) -> tuple[int, str]:
        """What `cost` says of a CARDS.json."""
        cards = self.folder / "cards.json"
        cards.write_text(text, encoding="utf-8")
        words = ("--minutes", "20", "--on", "2026-06-01", "--cards", str(cards))
        code, out, err = self.run("cost", *words, billing=CARD)
        return code, (out + err).replace(f"{cards}", "cards.json")


@pytest.fixture
def terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(tmp_path, capsys)


def schema(name: str) -> Any:
    """The JSON Schema that the documentation gives for an output."""
    text = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
    found = re.search(rf"`contract {name} --json`:\n\n```json\n(.*?)```", text, re.S)
    assert found is not None
    return json.loads(found[1])


def test_clocks_are_a_table(terminal: Terminal) -> None:
    code, out, err = terminal.run("sla", "--opened", OPENED, clocks=CLOCKS)
    assert code == 0
    assert out.splitlines() == [
        "A contract (a-contract), received Fri 2026-04-03 16:30",
        "CLOCK           WITHIN           UNTIL  DUE                 ",
        "take_in_charge  4 working hours  taken  Tue 2026-04-07 11:30",
    ]
    assert err == (
        "clock 'processed' is left out: it asks for --severity and --origin, "
        "not given\n"
    )


def test_nothing_is_said_of_a_clock_that_is_ruled_out(terminal: Terminal) -> None:
    words = ("--opened", OPENED, "--severity", "1", "--json")
    code, out, err = terminal.run("sla", *words, clocks=CLOCKS)
    assert (code, err) == (0, "")
    assert [clock["name"] for clock in json.loads(out)["clocks"]] == ["take_in_charge"]


def test_extra_hours_that_ask_are_told_of(terminal: Terminal) -> None:
    code, out, err = terminal.run("sla", "--opened", OPENED, **SHOP)
    assert (code, out.splitlines()[-1]) == (0, "no clock applies")
    assert err == "extra hours are left out: they ask for --severity, not given\n"


def test_no_clock_runs_for_an_origin_that_the_contract_leaves_out(
    terminal: Terminal,
) -> None:
    keys: dict[str, Any] = {"clocks": CLOCKS, "requests": {"clocks_for": ["Mail"]}}
    words = ("--opened", OPENED, "--origin", "Telefono", "--json")
    code, out, err = terminal.run("sla", *words, **keys)
    assert (code, json.loads(out)) == (0, {"clocks": []})
    assert err == "no clock runs for Telefono; they run for Mail\n"


def test_a_card_stands_behind_a_request_unless_it_is_said(terminal: Terminal) -> None:
    keys: dict[str, Any] = {
        "billing": CARD,
        "clocks": [{**CLOCKS[0], "when": {"card": True}}],
    }
    for words, count in ((), 1), (("--card",), 1), (("--no-card",), 0):
        words = ("--opened", OPENED, "--json", *words)
        _, out, err = terminal.run("sla", *words, **keys)
        assert (len(json.loads(out)["clocks"]), err) == (count, "")


@pytest.mark.parametrize("opened", ["2026-04-03T16:30:00.250+02:00"])
def test_a_fraction_of_a_second_is_kept(terminal: Terminal, opened: str) -> None:
    words = ("--opened", opened, "--json")
    _, out, _ = terminal.run("sla", *words, clocks=CLOCKS[:1])
    (clock,) = json.loads(out)["clocks"]
    assert clock["due"] == "2026-04-07T11:30:00.25+02:00"


CATEGORIES = {
    "requests": {
        "categories": [
            {"id": "total", "title": {"en": "All is down"}, "severity": 1},
            {"id": "partial", "title": {"en": "Something is down"}},
        ]
    }
}


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        (
            "sla",
            ("--opened", "2026-04-03T16:30:00"),
            "--opened: '2026-04-03T16:30:00' is not an instant with an offset, "
            "such as 2026-03-01T10:00:00Z or 2026-03-01T11:00:00+01:00",
        ),
        (
            "sla",
            ("--opened", OPENED, "--category", "totl"),
            "--category: 'totl' is not known; did you mean 'total'?",
        ),
        (
            "sla",
            ("--opened", OPENED, "--origin", "Fax"),
            "--origin: 'Fax' is not known; origins are Telefono, Mail, AltecMonitor, "
            "Portale, WhatsApp, Software, Altro",
        ),
        (
            "cost",
            ("--minutes", "5", "--on", "2026-06-01", "--category", "x"),
            "--category: 'x' is not known; a-contract has total, partial",
        ),
        (
            "cost",
            ("--minutes=-5", "--on", "2026-06-01"),
            "--minutes: '-5' is not a whole number of minutes, 0 or more",
        ),
        (
            "cost",
            ("--minutes", "1.5", "--on", "2026-06-01"),
            "--minutes: '1.5' is not a whole number of minutes, 0 or more",
        ),
        (
            "cost",
            ("--minutes", "٣", "--on", "2026-06-01"),
            "--minutes: '٣' is not a whole number of minutes, 0 or more",
        ),
        (
            "cost",
            ("--minutes", "525601", "--on", "2026-06-01"),
            "--minutes: 525601 are more than a year, which has 525600",
        ),
        (
            "cost",
            ("--minutes", "5", "--on", "2026-02-29"),
            "--on: '2026-02-29' is not a date such as 2026-01-01",
        ),
        (
            "cost",
            ("--minutes", "5", "--on", "20260601"),
            "--on: '20260601' is not a date such as 2026-01-01",
        ),
        (
            "cost",
            ("--minutes", "5", "--on", "9999-12-31"),
            "--on: 9999-12-31 is not between 1970 and 2200",
        ),
        ("calendar", ("--year", "26"), "--year: '26' is no year from 1970 to 2200"),
        ("calendar", ("--year", "1969"), "--year: '1969' is no year from 1970 to 2200"),
        (
            "calendar",
            ("--year", "2101"),
            "holidays of 'IT' are known from 1870 to 2100, not in 2101",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(
    terminal: Terminal, name: str, words: tuple[str, ...], said: str
) -> None:
    assert terminal.run(name, *words, **CATEGORIES) == (2, "", f"{said}\n")


@pytest.mark.parametrize("opened", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
def test_the_ends_of_the_calendar_are_no_traceback(
    terminal: Terminal, opened: str, zone: str
) -> None:
    keys: dict[str, Any] = {"timezone": zone, "holidays": {"country": None}}
    found = terminal.run("sla", "--opened", opened, clocks=CLOCKS[:1], **keys)
    assert found == (2, "", f"--opened: {opened} is not between 1970 and 2200\n")


@pytest.mark.parametrize("name", ["sla", "cost", "calendar"])
def test_a_faulty_contract_is_told_with_its_place(
    terminal: Terminal, name: str
) -> None:
    words = {
        "sla": ("--opened", OPENED),
        "cost": ("--minutes", "5", "--on", "2026-06-01"),
        "calendar": ("--year", "2026"),
    }[name]
    code, out, err = terminal.run(name, *words, timezone="Europe/Roma")
    assert (code, out) == (2, "")
    assert re.search(r"contract\.yaml:1:\d+: .*did you mean 'Europe/Rome'", err)


GOOD = '{"card": "c1", "purchased": "2026-01-10", "credits": 400, "left": 400}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            f"[{GOOD},\n {GOOD.replace('400}', '-1}')}]",
            "cards.json:2:68: 'left' of card 2: at least 0 is needed, not '-1'",
        ),
        (
            f"[{GOOD},\n {GOOD}]",
            "cards.json:2:11: card 'c1' is card 1 already; ids are unique",
        ),
        (
            f"[\n{GOOD.replace('400}', '401}')}]",
            "cards.json:2:67: 401 credits are left of 400; at most 400 can be",
        ),
        (
            f"[\n{GOOD.replace('left', 'lefft')}]",
            "cards.json:2:59: 'lefft' is no key of card 1; did you mean 'left'?",
        ),
        (
            f"[\n{GOOD.replace('2026-01-10', '10/1/2026')}]",
            "cards.json:2:29: 'purchased' of card 1: a date is needed, "
            "such as 2026-01-01",
        ),
        (
            f"[\n{GOOD.replace('400,', '0,')}]",
            "cards.json:2:54: 'credits' of card 1: at least 1 is needed, not '0'",
        ),
        (
            '[{"card": "c1"}]',
            "cards.json:1:2: card 1 has no 'purchased', which it needs",
        ),
        (
            GOOD,
            "cards.json:1:1: the file, a list of cards: "
            "a list is needed, such as [a, b]",
        ),
        (f"[{GOOD},\n]", "cards.json:2:1: no ',' stands before ']'"),
        ("", "cards.json: is empty"),
    ],
)
def test_a_fault_of_a_card_is_told_with_its_place(
    terminal: Terminal, text: str, said: str
) -> None:
    code, told = terminal.cards(text)
    assert code == 2
    assert said in told.splitlines()


def test_cards_that_cannot_be_read(terminal: Terminal) -> None:
    missing = str(terminal.folder / "none.json")
    words = ("--minutes", "5", "--on", "2026-06-01", "--cards", missing)
    code, _, err = terminal.run("cost", *words, billing=CARD)
    assert (code, err) == (2, f"{missing}: cannot be read: No such file or directory\n")


def test_a_bill_is_a_table_in_the_readers_language(terminal: Terminal) -> None:
    words = ("--minutes", "61", "--on", "2026-06-01", "--category", "other")
    _, out, _ = terminal.run("cost", *words, billing=HOURLY)
    assert "Total" in out
    assert "146.40 €" in out
    _, out, _ = terminal.run("cost", *words, "--language", "it", billing=HOURLY)
    assert re.search(r"IVA 22 % +26,40 €\nTotale +146,40 €", out)


def test_credits_are_a_table(terminal: Terminal) -> None:
    code, said = terminal.cards(f"[{GOOD}]")
    assert code == 0
    assert "c1              20           380" in said


def test_without_a_category_nothing_is_included(terminal: Terminal) -> None:
    words = ("--minutes", "20", "--on", "2026-06-01", "--json")
    _, out, err = terminal.run("cost", *words, billing=HOURLY)
    assert json.loads(out)["net"] == "80.00"
    assert err == "no --category is given: nothing counts as included\n"


def test_a_year_is_a_table_of_months_and_of_special_days(terminal: Terminal) -> None:
    keys = {**SHOP, "carenza": {"percent": 5, "days": ["2026-08-10"]}}
    code, out, _ = terminal.run("calendar", "--year", "2026", **keys)
    assert code == 0
    assert out.startswith("A contract (a-contract): 256 working days in 2026\n")
    assert re.search(r"Mon 2026-08-10 +carenza +00:00-06:00 *\n", out)
    assert re.search(r"Fri 2026-05-01 +half +09:00-13:00 +00:00-06:00 *\n", out)
    assert re.search(
        r"Mon 2026-04-06 +holiday +00:00-24:00 +Lunedì dell'Angelo *\n", out
    )
    assert "maintenance in UTC+01:00" in out


def test_without_the_clause_nobody_speaks_of_maintenance(terminal: Terminal) -> None:
    uptime: dict[str, Any] = {"exclusions": {"ordinary": {}, "occasional": None}}
    _, out, _ = terminal.run("calendar", "--year", "2026", uptime=uptime)
    assert out.endswith("hours in Europe/Rome; --json has every day\n")


def test_every_day_of_a_year_is_listed(terminal: Terminal) -> None:
    keys = {**SHOP, "carenza": {"percent": 5, "days": ["2026-08-10"]}}
    _, out, _ = terminal.run("calendar", "--year", "2026", "--json", **keys)
    found = json.loads(out)
    days = {day["date"]: day for day in found["days"]}
    assert (len(days), found["working_days"]) == (365, 256)
    kinds = [day["kind"] for day in days.values()]
    assert kinds.count("working") + kinds.count("half") == 256
    assert days["2026-06-02"] == {
        "date": "2026-06-02",
        "kind": "half",
        "name": None,
        "hours": ["09:00-13:00"],
        "maintenance": ["00:00-06:00"],
    }
    assert days["2026-04-05"]["name"] == "Pasqua"
    assert days["2026-04-05"]["maintenance"] == ["00:00-24:00"]
    assert days["2026-04-12"]["kind"] == "weekend"
    assert days["2026-04-12"]["maintenance"] == ["00:00-24:00"]
    assert days["2026-04-13"]["hours"] == ["09:00-13:00", "14:30-18:30"]


@pytest.mark.parametrize(
    ("name", "words", "keys"),
    [
        ("calendar", ("--year", "2028"), {}),
        ("sla", ("--opened", OPENED), {"clocks": CLOCKS}),
        ("cost", ("--minutes", "61", "--on", "2026-06-01"), {"billing": CARD}),
        ("cost", ("--minutes", "61", "--on", "2026-06-01"), {"billing": HOURLY}),
    ],
)
def test_an_output_is_as_its_documented_schema_says(
    terminal: Terminal, name: str, words: tuple[str, ...], keys: dict[str, Any]
) -> None:
    _, out, _ = terminal.run(name, *words, "--json", **keys)
    jsonschema.validate(json.loads(out), schema(name))


def test_credits_are_as_the_documented_schema_says(terminal: Terminal) -> None:
    cards = terminal.folder / "cards.json"
    cards.write_text(f"[{GOOD}]", encoding="utf-8")
    words = ("--minutes", "7", "--on", "2026-06-01", "--cards", str(cards), "--json")
    _, out, _ = terminal.run("cost", *words, billing=CARD)
    found = json.loads(out)
    jsonschema.validate(found, schema("cost"))
    assert found["credits"] == [{"card": "c1", "used": 15, "left": 385}]


def test_calendar_and_clocks_speak_the_readers_language(terminal: Terminal) -> None:
    code, out, _ = terminal.run(
        "calendar", "--year", "2026", "--language", "it", **SHOP
    )
    assert code == 0
    assert "giorni lavorativi nel 2026" in out
    assert "MESE" in out
    assert "dic" in out
    assert "orari in Europe/Rome, manutenzione in UTC+01:00; --json riporta" in out
    words = ("--opened", OPENED, "--severity", "2", "--language", "it")
    code, out, _ = terminal.run("sla", *words, clocks=CLOCKS[:1])
    assert code == 0
    assert "richiesta ricevuta ven 2026-04-03 16:30" in out
    assert "4 ore lavorative" in out
    assert "preso in carico" in out
