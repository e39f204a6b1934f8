"""The description of the APIs: committed as it is served, and whole."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from scudo_agent.cli.main import main
from scudo_agent.desk.web import described
from support.desking import bench

DOCS = Path(__file__).parents[2] / "docs"


def operations() -> list[tuple[str, dict[str, Any]]]:
    """Every method and path with what is said of it."""
    paths = described()["paths"]
    return [
        (f"{method} {path}", said)
        for path, methods in paths.items()
        for method, said in methods.items()
    ]


def test_the_committed_description_is_that_of_the_desk(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["schema", "--api"]) == 0
    made = capsys.readouterr().out
    if (DOCS / "openapi.json").read_text("utf-8") != made:
        pytest.fail("renew it: scudo-agent schema --api > docs/openapi.json")
    assert json.loads(made)["openapi"].startswith("3.1")


def test_everybody_is_served_it(tmp_path: Path) -> None:
    async def ask() -> Any:
        async with bench(tmp_path) as b:
            return (await b.client.get("/v1/openapi.json")).json()

    assert asyncio.run(ask()) == described()


@pytest.mark.parametrize(("name", "said"), operations())
def test_every_operation_says_who_may_and_what_can_go_wrong(
    name: str, said: dict[str, Any]
) -> None:
    if name.endswith(("/v1/join", "/v1/ca")):
        assert "security" not in said
    else:
        scheme = "token" if "/v1/desk/" in name else "HTTPBearer"
        assert said["security"] == [{scheme: []}]
        assert "401" in said["responses"]
    assert said["description"]
    for status, answer in said["responses"].items():
        if status.startswith("4"):
            (media,) = answer["content"]
            assert media == "application/problem+json"
    if "requestBody" in said and "/v1/desk/" in name:
        assert "400" in said["responses"]


def test_bodies_of_programs_take_no_key_that_is_not_named() -> None:
    schemas = described()["components"]["schemas"]
    asked = [
        said["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        for name, said in operations()
        if "/v1/desk/" in name
        and "application/json" in said.get("requestBody", {}).get("content", {})
    ]
    assert asked
    for ref in asked:
        schema = schemas[ref.rpartition("/")[2]]
        assert schema["additionalProperties"] is False
        for one in schema["properties"].values():
            for kind in one.get("anyOf", [one]):
                if kind.get("type") == "string":
                    assert kind.keys() & {"maxLength", "enum", "pattern", "const"}
                if kind.get("type") == "array":
                    assert "maxItems" in kind
