"""What a start loads: an agent that is killed must be back within 5 s."""

import subprocess
import sys

import pytest

DESK = "scudo_agent.desk.app fastapi uvicorn starlette jinja2"
STORE = "sqlalchemy.orm alembic"


def loaded(module: str) -> set[str]:
    """The modules that importing `module` loads, in a process of its own."""
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("scudo_agent.cli.foreground", f"{DESK} {STORE}"),
        ("scudo_agent.desk.app", STORE),
    ],
)
def test_a_start_loads_nothing_that_it_does_not_use(module: str, unwanted: str) -> None:
    assert not loaded(module) & set(unwanted.split())
