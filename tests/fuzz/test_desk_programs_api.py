"""Generated input at the API for programs: it answers as it describes itself."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from scudo_agent.desk import limits
from scudo_agent.desk.rights import Role
from scudo_agent.desk.web import described
from support.desk_thread import served_desk
from support.desking import site
from support.token_desk import program

pytestmark = pytest.mark.fuzz

schema = schemathesis.openapi.from_dict(described()).include(path_regex="^/v1/desk/")


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, dict[str, str]]]:
    """Address of a served desk, and the header of an administrator's program."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("READ_BURST", "WRITE_BURST"):
            patch.setattr(limits, name, 1e6)
        with served_desk(tmp_path_factory.mktemp("desk")) as desk:
            desk.enrol_embedded(site())
            yield desk.address, program(desk.store, Role.ADMIN)


@schema.parametrize()
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_is_described(
    case: schemathesis.Case[Any], served: tuple[str, dict[str, str]]
) -> None:
    url, headers = served
    response = case.call(base_url=url, headers=headers)
    case.validate_response(
        response,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ],
    )
