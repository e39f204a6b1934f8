"""`scudo-agent contract check`: what it explains, in which words, and to programs."""

import json
import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from scudo_agent.cli.main import main
from scudo_agent.config.contract_file import contract_of_data, read_contract
from scudo_agent.contract.clocks import starts
from scudo_agent.contract.hours import TicketFacts
from scudo_agent.contract.summary import summary
from scudo_agent.instant import parse_instant
from scudo_agent.locale import translator
from support.contract_data import data

ROOT = Path(__file__).parents[2]
NINE = sorted((ROOT / "configs" / "contracts").glob("*.yaml"))
AT = "2026-11-22T12:00:00+01:00"

TENTH: dict[str, Any] = {
    "id": "mare-notte",
    "title": "Mare Notte",
    "timezone": "America/New_York",
    "year_start": "2024-02-29",
    "holidays": {"country": "US", "province": "NY", "remove": ["07-04"]},
    "uptime": {
        "target": "99.95",
        "basis": "calendar",
        "unknown": "down",
        "exclusions": {
            "ordinary": {"notice_days": 1},
            "occasional": {
                "offset": "-05:00",
                "night": "02:00-04:00",
                "holidays": False,
            },
        },
    },
    "service_hours": {
        "weekly": {"mon,wed-thu": ["22:00-24:00"], "sat-sun": ["00:00-24:00"]},
        "half_days": {"dates": ["12-24", "easter"], "hours": ["22:00-23:00"]},
        "extra": [{"when": {"card": True}, "weekly": {"fri": ["08:00-12:00"]}}],
    },
    "carenza": {"percent": "2.5", "days": ["2026-08-12"]},
    "clocks": [
        {
            "name": "solved",
            "within": 5,
            "unit": "working_days",
            "until": "resolved",
            "when": {"category": ["engine", "hull"], "origin": ["Portale"]},
        }
    ],
    "tickets": {"reopen": "1h", "close_after": "72h"},
    "billing": {"kind": "card", "rate": "99.90", "free": ["hull"]},
    "requests": {
        "channels": ["portal"],
        "categories": [
            {"id": "engine", "title": {"it": "Motore", "en": "Engine"}, "severity": 1},
            {"id": "hull", "title": {"it": "Scafo", "en": "Hull"}},
        ],
        "clocks_for": ["Portale"],
        "interventions": ["vendor"],
    },
    "term": {"months": 6, "converts_to": ["mare-giorno"]},
    "supply": ["rented"],
    "covers": ["parts"],
    "module": "abyss",
    "extra_time": {"pin": True, "h24": True},
    "warranty": {"months": 6, "covers": ["repair"], "not_covered": ["transport"]},
}


def run(
    capsys: pytest.CaptureFixture[str], path: Path, *words: str
) -> tuple[int, str, str]:
    code = main(["contract", "check", str(path), "--at", AT, *words])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture
def tenth(tmp_path: Path) -> Path:
    path = tmp_path / "tenth.yaml"
    path.write_text(json.dumps(TENTH, indent=1), encoding="utf-8")
    return path


def rows(document: dict[str, Any]) -> dict[str, list[str]]:
    """The sentences of an explanation by their labels."""
    found: dict[str, list[str]] = {}
    label = ""
    for section in document["sections"]:
        for name, text in section["rows"]:
            label = name or label
            found.setdefault(label, []).append(text)
    return found


def explained(
    capsys: pytest.CaptureFixture[str], path: Path, language: str
) -> dict[str, Any]:
    code, out, err = run(capsys, path, "--json", "--language", language)
    assert (code, err) == (0, "")
    document: dict[str, Any] = json.loads(out)
    return document


def schema() -> Any:
    """The JSON Schema that the documentation gives for the output."""
    text = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
    found = re.search(r"`contract check --json`:\n\n```json\n(.*?)```", text, re.S)
    assert found is not None
    return json.loads(found[1])


@pytest.mark.parametrize("path", NINE, ids=lambda path: path.stem)
@pytest.mark.parametrize("language", ["it", "en"])
def test_the_output_is_as_documented(
    path: Path, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    document = explained(capsys, path, language)
    jsonschema.validate(document, schema())
    said = [text for texts in rows(document).values() for text in texts]
    assert said
    assert not any(set(text) & set("{}") for text in said)


def test_faults_are_as_documented(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "faulty.yaml"
    path.write_text("id: a\ntitle: A\n", encoding="utf-8")
    code, out, err = run(capsys, path, "--json")
    assert (code, err) == (2, "")
    jsonschema.validate(json.loads(out), schema())
    assert json.loads(out)["faults"] == [
        {
            "file": str(path),
            "line": 1,
            "column": 1,
            "what": "the contract has no 'year_start', which it needs",
        }
    ]


def test_an_instant_without_an_offset_is_refused(
    tenth: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["contract", "check", str(tenth), "--at", "2026-11-22T12:00:00"]) == 2
    assert capsys.readouterr().err.startswith(
        "--at: '2026-11-22T12:00:00' is not an instant with an offset"
    )


def test_the_budget_is_in_hours_and_minutes_of_the_year_that_is_meant(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = ROOT / "configs" / "contracts" / "contactlab-standard.yaml"
    document = explained(capsys, path, "it")
    assert rows(document)["tempo perdibile"] == [
        "87 h 36 min in questo anno contrattuale"
    ]
    assert document["budget"] == 315_360
    assert document["year"] == {"first": "2026-01-01", "last": "2026-12-31"}
    assert document["working_days"] == 254
    assert document["carenza"] == {"allowed": 12, "declared": 0}
    assert (
        main(["contract", "check", str(path), "--json", "--at", "2028-05-01T00:00:00Z"])
        == 0
    )
    leap = json.loads(capsys.readouterr().out)
    assert leap["budget"] == 316_224  # 8,784 h
    assert rows(leap)["may be lost"] == ["87 h 50 min 24 s in this contract year"]


def test_before_it_begins_its_first_year_is_meant() -> None:
    contract = contract_of_data(data(year_start="2027-07-01"), name="later")
    told = summary(contract, parse_instant(AT))
    assert (str(told.first), str(told.last)) == ("2027-07-01", "2028-06-30")
    assert str(told.feasts[0].day) == "2026-12-08"  # holidays are the coming ones
    assert str(told.feasts[-1].day) == "2027-11-07"


def test_the_clocks_are_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    path = ROOT / "configs" / "contracts" / "contactlab-standard.yaml"
    italian = rows(explained(capsys, path, "it"))
    assert italian["take_in_charge"] == ["presa in carico entro 4 ore lavorative"]
    assert italian["processed"] == [
        "lavorazione entro 16 ore lavorative",
        "solo: gravità 2, 3",
    ]
    english = rows(explained(capsys, path, "en"))
    assert english["take_in_charge"] == ["taken in charge within 4 working hours"]


def test_holidays_of_the_coming_twelve_months_have_names_and_hours(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = ROOT / "configs" / "contracts" / "leotron-standard.yaml"
    feasts = explained(capsys, path, "en")["holidays"]
    assert feasts[0] == {
        "date": "2026-12-08",
        "name": None,
        "half_day": True,
        "hours": ["09:00-13:00"],
    }
    assert feasts[1] == {
        "date": "2026-12-25",
        "name": "Natale",
        "half_day": False,
        "hours": [],
    }
    assert [feast["date"] for feast in feasts] == [
        *("2026-12-08", "2026-12-25", "2026-12-26", "2027-01-01", "2027-01-06"),
        *("2027-03-28", "2027-03-29", "2027-04-25", "2027-05-01", "2027-06-02"),
        *("2027-08-15", "2027-11-01"),
    ]


def test_a_tenth_contract_is_explained_whole(
    tenth: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = explained(capsys, tenth, "en")
    jsonschema.validate(document, schema())
    assert document["id"] == "mare-notte"
    assert document["target"] == "99.95"
    # 29 February is 1 March in other years.
    assert document["year"] == {"first": "2026-03-01", "last": "2027-02-28"}
    assert document["carenza"]["declared"] == 1
    said = rows(document)
    assert said["promised"] == ["99.95% of each contract year"]
    assert said["may be lost"] == ["4 h 22 min 48 s in this contract year"]
    assert said["counting"] == [
        "excluded maintenance stays in the year, as up",
        "what was not measured counts as down",
    ]
    assert said["ordinary"] == ["announced at least 1 calendar day before"]
    assert said["extraordinary"] == said["upgrade"] == ["never excluded"]
    assert said["occasional"] == ["declared, every day 02:00-04:00 (always UTC-05:00)"]
    assert said["every week"] == [
        "Monday: 22:00-24:00",
        "Wednesday and Thursday: 22:00-24:00",
        "Saturday and Sunday: 00:00-24:00",
    ]
    assert said["half-days"] == ["24 December and Easter Sunday: 22:00-23:00"]
    assert said["extra hours"] == ["Friday: 08:00-12:00", "only: with a card"]
    assert said["solved"] == [
        "resolved within 5 working days",
        "only: category Engine or Hull and origin Portale",
    ]
    assert said["closed"] == ["by people, or after 72 h of quiet"]
    assert said["free"] == ["Hull"]
    assert said["without a card"] == [
        "99.90 € an hour and VAT, by the minute, at least 30 minutes"
    ]
    assert said["lasts"] == [
        "6 months from the signature, 29 February 2024 to 28 August 2024"
    ]
    assert said["needs"] == ["the module abyss"]
    assert said["warranty"] == ["6 months from purchase"]
    assert said["extra time"] == ["at any hour", "by telephone with the contract's PIN"]


@pytest.mark.parametrize(
    "words",
    [
        ["calendar", "--year", "2026"],
        ["sla", "--opened", AT, "--category", "hull", "--origin", "Portale"],
        ["cost", "--minutes", "31", "--on", "2026-06-01", "--category", "engine"],
    ],
    ids=lambda words: words[0],
)
def test_a_tenth_contract_works_in_the_other_commands(
    words: list[str], tenth: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, *options = words
    assert main(["contract", name, str(tenth), *options, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    match name:
        case "calendar":
            first = document["days"][3]
            assert (first["date"], first["hours"]) == ("2026-01-04", ["00:00-24:00"])
            assert first["maintenance"] == ["02:00-04:00"]
        case "sla":
            # Mon, Wed, Fri (with a card), Sat, Sun; Thursday is Thanksgiving.
            due = "2026-11-30T00:00:00-05:00"
            assert document == {"clocks": [{"name": "solved", "due": due}]}
        case "cost":
            assert document["net"] == "51.62"  # 31 × 99.90 / 60, half-up


@pytest.mark.parametrize("language", ["it", "en"])
@pytest.mark.parametrize("path", NINE, ids=lambda path: path.stem)
def test_a_screen_of_80_columns_holds_it(
    path: Path,
    language: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = run(capsys, path, "--language", language)
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    assert "…" not in out
    document = explained(capsys, path, language)
    seen = " ".join(out.split())
    for section in document["sections"]:
        assert section["title"] in seen
        for label, text in section["rows"]:
            assert text.split()[0] in seen
            assert not label or label.split()[0] in seen


@pytest.mark.parametrize("path", NINE, ids=lambda path: path.stem)
def test_the_budget_is_exactly_what_the_target_leaves(path: Path) -> None:
    told = summary(read_contract(path), parse_instant(AT))
    seconds = ((told.last - told.first).days + 1) * 86_400
    lost = (1 - Fraction(Decimal("99.0")) / 100) * seconds
    assert told.budget_us == lost * 1_000_000


def test_other_origins_are_accepted_and_start_no_clock(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = ROOT / "configs" / "contracts" / "contactlab-premium.yaml"
    contract = read_contract(path)
    assert starts(contract, TicketFacts())
    assert starts(contract, TicketFacts(origin="AltecMonitor"))
    assert not starts(contract, TicketFacts(origin="Telefono"))
    words = ["contract", "sla", str(path), "--opened", AT, "--json", "--severity", "2"]
    assert main(words) == 0
    assert len(json.loads(capsys.readouterr().out)["clocks"]) == 2
    assert main([*words, "--origin", "Telefono"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == {"clocks": []}
    assert said.err == "no clock runs for Telefono; they run for AltecMonitor, Mail\n"


def test_dates_and_exact_percentages_are_written_as_people_write_them() -> None:
    from scudo_agent.text import T

    text = T(
        "{day} {year} {share} {list} {any}",
        day={"date": "04-25"},
        year={"date": "2026-04-25"},
        share={"percent": "99.950001"},
        list={"list": [T("a").to_json(), T("b").to_json(), T("c").to_json()]},
        any={"any": [T("a").to_json(), T("b").to_json()]},
    )
    english = translator("en").render(text)
    assert english == "25 April 25 April 2026 99.950001% a, b and c a or b"
    italian = translator("it").render(text)
    assert italian == "25 aprile 25 aprile 2026 99,950001% a, b e c a o b"
