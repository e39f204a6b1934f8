"""Whose reading it is, each query says to the database, too: PostgreSQL holds it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from scudo_agent import desk

DESK = Path(desk.__file__).parent
_WHOSE = {"scope", "person", "reach"}


def bare_reads(source: str) -> Iterator[tuple[str, int]]:
    """Functions that are told of a reader, and read without saying whose it is."""
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        given = {one.arg for one in [*function.args.args, *function.args.kwonlyargs]}
        for call in ast.walk(function):
            if (
                given & _WHOSE
                and isinstance(call, ast.Call)
                and not call.args
                and ast.unparse(call.func).endswith("database.read")
            ):
                yield function.name, call.lineno


def test_every_read_for_a_reader_is_within_the_readers_scope() -> None:
    found = {
        f"{path.relative_to(DESK)}:{line} {name}"
        for path in DESK.rglob("*.py")
        for name, line in bare_reads(path.read_text(encoding="utf-8"))
    }
    assert found == set()


def test_a_read_that_forgets_it_is_found() -> None:
    source = (
        "def lines(self, scope):\n    with self._database.read() as db: pass\n"
        "def all(self):\n    with self._database.read() as db: pass\n"
        "def mine(self, person):\n    with database.read(person.scope) as db: pass\n"
    )
    assert list(bare_reads(source)) == [("lines", 2)]
