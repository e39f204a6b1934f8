"""Verbs of `desk`: each has a parser of its own, and lists show all there is."""

import json
from pathlib import Path

import pytest

from scudo_agent.cli.main import build_parser, main
from scudo_agent.desk.rights import Role
from support.desk_scene import play
from support.desking import Bench
from support.people import new_person

PEOPLE = 101
"""One more than a page of them has."""


def test_the_help_of_a_verb_has_its_own_options_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["desk", "user", "role", "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert "Give somebody another role." in told
    assert "MAIL [SITE]" in told
    assert "--role ROLE" in told
    assert "--events" not in told
    assert "--phone" not in told


@pytest.mark.parametrize(
    ("words", "action", "verb", "settings"),
    [
        ((), None, None, None),
        (("--settings", "d.yaml", "agents"), "agents", None, "d.yaml"),
        (("user",), "user", "list", None),
        (("user", "site.yaml"), "user", "list", None),
        (("user", "--settings", "d.yaml", "list"), "user", "list", "d.yaml"),
        (("outbox", "--settings", "d.yaml"), "outbox", "list", "d.yaml"),
        (("outbox", "show", "--settings", "d.yaml", "7"), "outbox", "show", "d.yaml"),
    ],
)
def test_the_usual_verb_is_meant_where_none_is_named(
    words: tuple[str, ...], action: str, verb: str, settings: str | None
) -> None:
    line = ["desk", *words]
    args = build_parser(line).parse_args(line)
    assert args.action == action
    assert getattr(args, "verb", None) == verb
    assert settings == (None if args.settings is None else str(args.settings))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("user", "fire"), "see 'scudo-agent desk user --help'"),
        (("customer", "show"), "required: ID; see 'scudo-agent desk customer show"),
        (("login", "--role", "admin"), "'--role' does not go with"),
        (("user", "list", "--limit", "0"), "is a number of lines from 1 on"),
    ],
)
def test_what_a_verb_does_not_take_is_one_line_with_a_hint(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["desk", *words]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


def test_a_list_has_all_or_as_many_as_are_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scene(b: Bench) -> None:
        for number in range(PEOPLE):
            new = new_person(
                Role.TECHNICIAN,
                None,
                mail=f"p{number}@provider.example",
                name=f"P{number:03}",
            )
            b.desk.store.people.add(new, actor="person:admin")

    play(tmp_path, scene)
    (tmp_path / "desk.yaml").write_text("state: desk\n")
    listing = ["desk", "user", "list", "--settings", str(tmp_path / "desk.yaml")]
    assert main(listing) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len({line.split()[0] for line in lines}) == PEOPLE
    assert main([*listing, "--limit", "2"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"and {PEOPLE - 2} more"
    assert main([*listing, "--limit", "100", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (len(told["users"]), told["total"]) == (100, PEOPLE)
