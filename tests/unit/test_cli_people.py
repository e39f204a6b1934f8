"""`scudo-agent desk user` and `desk customer`: on a desk that stands still."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scudo_agent.cli.main import main
from support.desk_scene import play
from support.desking import Bench
from support.json_page import CUSTOMERS, USERS, validator
from support.people import PASSWORD, log_in

MAIL = "one@provider.example"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `desk …` for the desk of `play`; exit code, output, errors."""
    (tmp_path / "desk.yaml").write_text("state: desk\n")

    def done(*words: str) -> tuple[int, str, str]:
        code = main(["desk", *words, "--settings", str(tmp_path / "desk.yaml")])
        said = capsys.readouterr()
        return code, said.out, said.err

    return done


def told(run: Run, *words: str) -> Any:
    code, out, err = run(*words, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


ACME = (
    *("customer", "add", "acme", "--name", "ACME S.p.A.", "--mail", "it@acme.example"),
    *("--at", "acme-milano", "--timezone", "Europe/Rome"),
)
ONE = ("user", "add", MAIL, "--name", "Uno Due", "--role", "manager")


def test_customers_are_made_shown_and_changed(run: Run) -> None:
    made = told(run, *ACME)["customer"]
    assert made["sites"] == [
        {"site": "acme-milano", "timezone": "Europe/Rome", "contract": None}
    ]
    assert run(*ACME)[0] == 2
    change = ("customer", "change", "acme")
    assert told(run, *change, "--name", "ACME srl")["customer"]["name"] == "ACME srl"
    roma = (*change, "--at", "acme-roma")
    code, _, err = run(*roma)
    assert code == 2
    assert "--timezone" in err
    sites = told(run, *roma, "--timezone", "Europe/Vaduz")["customer"]["sites"]
    assert [one["site"] for one in sites] == ["acme-milano", "acme-roma"]
    code, _, err = run(*roma, "--timezone", "Europe/Roma")
    assert code == 2
    assert "did you mean 'Europe/Rome'" in err
    code, _, err = run(*roma, "--contract", "none-such")
    assert code == 2
    assert "none-such" in err
    code, out, _ = run("customer", "list")
    assert (code, out) == (
        0,
        "acme  ACME srl  it@acme.example  acme-milano, acme-roma\n",
    )
    assert "acme-roma, Europe/Vaduz" in run("customer", "show", "acme")[1]


def test_people_are_added_changed_and_locked_out(run: Run) -> None:
    assert told(run, *ONE)["user"]["state"] == "without"
    told(run, *ACME)
    two = ("user", "invite", "two@acme.example", "--name", "Due", "--customer", "acme")
    assert told(run, *two, "--role", "referent")["user"]["state"] == "invited"
    assert "a running desk puts it into" in run("user", "invite", MAIL)[1]
    assert told(run, "user", "invite", MAIL)["user"]["state"] == "invited"
    assert told(run, "user", "role", MAIL, "--role", "admin")["user"]["role"] == "admin"
    assert told(run, "user", "disable", MAIL)["user"]["state"] == "disabled"
    code, _, err = run("user", "invite", MAIL)
    assert (code, err) == (2, "An invitation is for somebody who was never in here.\n")
    assert told(run, "user", "enable", MAIL)["user"]["state"] == "without"
    validator(USERS).validate(told(run, "user", "list"))
    validator(CUSTOMERS).validate(told(run, "customer", "list"))
    listed = told(run, "user", "list", "--customer", "acme")
    assert [one["mail"] for one in listed["users"]] == ["two@acme.example"]
    assert "Uno Due  admin  ours" in run("user", "list")[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("user", "add", MAIL, "--name", "x"), "required: --role"),
        (("user", "add", "--name", "x", "--role", "admin"), "required: MAIL"),
        (("user", "add", "no mail", "--name", "x", "--role", "admin"), "mail"),
        ((*ONE[:-1], "king"), "role"),
        ((*ONE, "--customer", "acme"), "cannot have this role"),
        ((*ONE, "--timezone", "UTC"), "'--timezone' does not go with"),
        (("user", "invite", MAIL), "nobody has the address"),
        (("user", "fire", MAIL), "choose from 'add', 'invite', 'list'"),
        (("customer", "add", "Ac Me", *ACME[3:]), "customer"),
        (
            ("customer", "add", "acme"),
            "--name, --mail, --at, --timezone; see 'scudo-agent",
        ),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_2(
    run: Run, words: tuple[str, ...], said: str
) -> None:
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_where_no_desk_has_run_is_nobody_to_list(run: Run) -> None:
    code, _, err = run("user", "list")
    assert code == 2
    assert "no desk has run here" in err


def test_a_password_comes_by_a_pipe_and_opens_the_door(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(*ONE)
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    code, _, err = run("user", "password", MAIL)
    assert (code, err) == (2, "A password has 10 signs at least.\n")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    code, out, _ = run("user", "password", MAIL)
    assert code == 0
    assert PASSWORD not in out

    async def scene(b: Bench) -> None:
        # Its parameters are those of a real desk: they are made anew, and it is right.
        assert (await log_in(b, MAIL)).status_code == 303
        b.client.cookies.clear()
        assert (await log_in(b, MAIL)).status_code == 303

    play(tmp_path, scene)
