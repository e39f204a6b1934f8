"""`scudo-agent desk token | webhook`: what they say, and what they refuse."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scudo_agent.cli import desk_agents
from scudo_agent.cli.main import main
from scudo_agent.clock import SystemClock
from scudo_agent.desk.app import build
from scudo_agent.desk.orders import Orders
from scudo_agent.desk.rights import Role
from scudo_agent.desk.settings import load_desk_settings
from support.hook_receiver import receiver
from support.json_page import TOKENS, WEBHOOKS, validator
from support.token_desk import put_person


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The settings of a desk that knows one dispatcher, and does what it is told."""
    path = tmp_path / "desk.yaml"
    path.write_text("webhooks: {allow: [127.0.0.0/8]}\n")
    desk = build(load_desk_settings(path), clock=SystemClock())
    with asyncio.Runner() as runner:
        runner.run(desk.start(mails=False))
        put_person(desk.store, Role.DISPATCHER)
        orders = Orders(desk).orders()

        def told(_: object, asked: dict[str, Any]) -> dict[str, Any]:
            async def do() -> dict[str, Any]:
                return await orders[asked["do"]](asked, "tester")

            return runner.run(do())

        monkeypatch.setattr(desk_agents, "order", told)
        yield str(path)
        runner.run(desk.close())


def test_a_token_is_made_listed_and_revoked(
    settings: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def desk(*words: str) -> tuple[int, str, str]:
        code = main(["desk", "token", *words, "--settings", settings])
        said = capsys.readouterr()
        return code, said.out, said.err

    who = "dispatcher@provider.example"
    code, out, _ = desk(
        "add", who, "nightly", "--scopes", "tickets:read", "--expires", "90d"
    )
    token = out.splitlines()[0]
    assert (code, token[:4], len(token)) == (0, "sct_", 47)
    code, out, _ = desk("list")
    assert code == 0
    assert "1  dispatcher@provider.example  nightly  tickets:read; expires 20" in out
    assert token not in out
    code, out, _ = desk("list", "--json")
    validator(TOKENS).validate(json.loads(out))
    assert json.loads(out)["tokens"][0]["used"] is None
    assert "sha256" not in out
    assert desk("revoke", "1")[0] == 0
    assert "revoked" in desk("list")[1]
    for wrong, said in (
        (("revoke", "1"), "no token 1 is valid"),
        (("revoke", "x"), "no token's number"),
        (("add", who, "n"), "name at least one of the scopes: tickets:read"),
        (("add", who, "n", "--scopes", "all"), "'all' is none of the scopes"),
        (("add", "no@body.example", "n", "--scopes", "webhooks"), "nobody's address"),
        (("add", who), "required: NAME"),
        (("burn",), "choose from 'add', 'list', 'revoke'"),
    ):
        code, _, err = desk(*wrong)
        assert (code, said in err) == (2, True), err


def test_a_webhook_is_added_tested_and_removed(
    settings: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def desk(*words: str) -> tuple[int, str, str]:
        code = main(["desk", "webhook", *words, "--settings", settings])
        said = capsys.readouterr()
        return code, said.out, said.err

    with receiver() as there:
        code, out, _ = desk("add", there.url, "--events", "ticket.opened")
        secret = out.splitlines()[0]
        assert (code, secret[:6]) == (0, "whsec_")
        code, out, _ = desk("test", "1")
        assert (code, out) == (0, f"webhook 1: {there.url} took it\n")
        assert there.next(secret)["type"] == "desk.ping"
        there.answers.append((500, {}))
        code, _, err = desk("test", "1")
        assert (code, "answered 500" in err) == (1, True)
    code, out, _ = desk("list")
    assert out == f"1  {there.url}  of all  ticket.opened; 0 wait, 0 failed\n"
    told = desk("list", "--json")[1]
    validator(WEBHOOKS).validate(json.loads(told))
    assert secret not in told
    assert desk("show", "1")[1] == out
    assert desk("retry", "1")[0] == 0
    assert desk("remove", "1")[0] == 0
    assert desk("list")[1] == "there is no webhook\n"
    for wrong, said in (
        (("test", "1"), "there is no webhook 1"),
        (("add", "ftp://x.example/"), "https://HOST"),
        (("add", "https://x.example/", "umbra"), "'umbra' is no customer"),
        (("add", "https://x.example/", "--events", "all"), "none of the events"),
        (("test",), "required: NUMBER"),
    ):
        code, _, err = desk(*wrong)
        assert (code, said in err) == (2, True), err
