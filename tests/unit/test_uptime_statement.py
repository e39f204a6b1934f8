"""Statements: complete, never overwritten, and found out when altered."""

import json
import resource
from collections.abc import Iterator
from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from scudo_agent.cli.main import main
from scudo_agent.config.statement_file import read_statement, recomputed
from scudo_agent.contract.exact import dumps, loads
from scudo_agent.contract.statement import altered, digest
from scudo_agent.errors import InputError
from support.uptime_files import window, write

Capture = pytest.CaptureFixture[str]
AT = ["--at", "2026-07-01T00:00:00+02:00"]
HISTORY = [
    {"t": "2026-01-01T00:00:00+01:00", "service": "erp", "state": "up"},
    {"t": "2026-06-03T00:00:00+02:00", "service": "erp", "state": "down"},
    {"t": "2026-06-03T05:00:00+02:00", "service": "erp", "state": "up"},
]
WINDOWS = [
    window(
        "w1", "ordinary", "2026-06-03T00:30:00+02:00", "2026-06-03T04:30:00+02:00",
        announced="2026-06-01T23:30:00+02:00", cancelled="2026-06-03T04:00:00+02:00",
    ),
    window(
        "w2", "upgrade", "2026-06-10T10:00:00Z", "2026-06-10T12:00:00Z",
        announced="2026-06-09T00:00:00Z", peak_notice="2026-06-01T00:00:00Z",
    ),
]  # fmt: skip


def written(folder: Path, *options: str, name: str = "s.json") -> Path:
    path = folder / name
    words = write(folder, HISTORY, WINDOWS)
    assert main([*words, *AT, "--statement", str(path), *options]) == 0
    return path


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[Any]:
    """The way to each value that is neither a list nor an object."""
    if isinstance(value, dict | list):
        keys = value if isinstance(value, dict) else range(len(value))
        for key in keys:
            yield from leaves(value[key], (*path, key))
    else:
        yield path


def changed(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int | Decimal):
        return value + 1
    return f"{value[:-1]}{'a' if value[-1:] != 'a' else 'b'}"


def is_found_out(data: dict[str, Any]) -> bool:
    try:
        return bool(altered(data, recomputed(data, name="s")))
    except InputError:
        return True


def test_a_statement_that_was_not_touched_verifies(
    tmp_path: Path, capsys: Capture
) -> None:
    path = written(tmp_path)
    said = capsys.readouterr().err
    digest_said = read_statement(path)["sha256"]
    assert said == f"{path}: revision 1, sha256 {digest_said}\n"
    assert main(["contract", "uptime", "--verify", str(path)]) == 0
    assert "revision 1 of erp: every figure follows" in capsys.readouterr().out
    assert main(["contract", "uptime", "--verify", str(path), "--language", "it"]) == 0
    assert "revisione 1 di erp: ogni cifra deriva" in capsys.readouterr().out
    contract = str(tmp_path / "contract.yaml")
    words = ["contract", "uptime", contract, "--verify", str(path), "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {"verified": True, "differences": []}


def test_another_contract_is_not_called_an_alteration(
    tmp_path: Path, capsys: Capture
) -> None:
    path, other = written(tmp_path), tmp_path / "other.yaml"
    capsys.readouterr()
    text = (tmp_path / "contract.yaml").read_text()
    assert '"standard"' in text
    other.write_text(text.replace('"standard"', '"other"', 1))
    assert main(["contract", "uptime", str(other), "--verify", str(path)]) == 1
    assert capsys.readouterr().err == (
        f"{path}: every figure follows from its inputs, but its contract is not that "
        f'of {other}: contract.id: "standard", recomputed "other"\n'
    )


def test_every_altered_value_is_found_out(tmp_path: Path) -> None:
    whole = read_statement(written(tmp_path))
    ways = list(leaves(whole))
    assert len(ways) > 80
    for *way, last in ways:
        data = deepcopy(whole)
        inner: Any = data
        for key in way:
            inner = inner[key]
        inner[last] = changed(inner[last])
        assert is_found_out(data), (*way, last)


def test_every_value_taken_out_or_put_in_is_found_out(tmp_path: Path) -> None:
    whole = read_statement(written(tmp_path))
    needed = ("statement", "format")
    for *way, last in leaves(whole):
        if last in needed or (way == ["inputs"] and last in ("at", "year")):
            continue
        data = deepcopy(whole)
        inner: Any = data
        for key in way:
            inner = inner[key]
        if isinstance(inner, list):
            inner.append(inner[last])
        else:
            del inner[last]
        assert is_found_out(data), (*way, last)
    objects: list[list[str | int]] = [[], ["inputs"], ["figures", 0, "seconds"]]
    for way in objects:
        data = deepcopy(whole)
        inner = data
        for key in way:
            inner = inner[key]
        inner["more"] = 1
        assert is_found_out(data), way


def test_one_is_not_true_and_a_point_is_no_other_number(tmp_path: Path) -> None:
    data = read_statement(written(tmp_path))
    data["figures"][0]["met"] = 1
    assert is_found_out(data)
    data = read_statement(tmp_path / "s.json")
    data["figures"][0]["seconds"]["down"] = Decimal("18000.0")
    assert not is_found_out(data)


def test_a_line_of_the_history_taken_out_is_found_out(tmp_path: Path) -> None:
    data = read_statement(written(tmp_path))
    del data["inputs"]["history"][0]
    first = altered(data, recomputed(data, name="s"))[0]
    assert first.place == "digest of inputs.history"


def test_the_first_figure_that_differs_is_named(
    tmp_path: Path, capsys: Capture
) -> None:
    path = written(tmp_path)
    data = read_statement(path)
    data["figures"][0]["budget"]["used"] = 0
    path.write_text(dumps(data), "utf-8")
    capsys.readouterr()
    assert main(["contract", "uptime", "--verify", str(path)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f"{path}: was altered: figures[erp].budget.used: 0, recomputed 5400\n"
    )
    assert main(["contract", "uptime", "--verify", str(path), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["verified"], len(found["differences"])) == (False, 1)


def test_the_contract_of_a_file_is_compared_too(
    tmp_path: Path, capsys: Capture
) -> None:
    path = written(tmp_path)
    file = tmp_path / "contract.yaml"
    file.write_text(file.read_text("utf-8").replace("Standard", "Other"), "utf-8")
    assert main(["contract", "uptime", str(file), "--verify", str(path)]) == 1
    assert "contract.title" in capsys.readouterr().err


def test_an_altered_input_that_cannot_be_read_is_told(
    tmp_path: Path, capsys: Capture
) -> None:
    path = written(tmp_path)
    data = read_statement(path)
    data["inputs"]["history"][1]["state"] = "off"
    path.write_text(dumps(data), "utf-8")
    capsys.readouterr()
    assert main(["contract", "uptime", "--verify", str(path)]) == 2
    assert "history[1]: 'off' is no state" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no JSON"),
        ("[]", "is no statement"),
        ('{"statement": "uptime", "format": 2}', "is of format 2"),
        (
            '{"statement": "uptime", "format": 1, "revision": true}',
            "whole number from 1",
        ),
        (
            '{"statement": "uptime", "format": 1, "revision": 1, "inputs": {}}',
            "has no inputs",
        ),
        ('{"statement": 1e999999}', "is no JSON: 1e999999 is beyond what can be meant"),
    ],
)
def test_a_file_that_is_no_statement_is_refused(
    text: str, said: str, tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "s.json"
    path.write_text(text, "utf-8")
    assert main(["contract", "uptime", "--verify", str(path)]) == 2
    assert said in capsys.readouterr().err


def test_a_statement_is_never_overwritten(tmp_path: Path, capsys: Capture) -> None:
    path = written(tmp_path)
    before = path.read_bytes()
    words = write(tmp_path, HISTORY, [])
    assert main([*words, *AT, "--statement", str(path)]) == 2
    assert "a statement is never overwritten" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_a_full_disk_leaves_no_half_statement(tmp_path: Path, capsys: Capture) -> None:
    words = write(tmp_path, HISTORY, WINDOWS)
    path = tmp_path / "s.json"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        code = main([*words, *AT, "--statement", str(path)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert code == 2
    assert f"{path}: cannot be written: " in capsys.readouterr().err
    assert not path.exists()


def test_a_correction_is_a_revision_that_says_what_changed(
    tmp_path: Path, capsys: Capture
) -> None:
    first = written(tmp_path)
    words = write(tmp_path, HISTORY, WINDOWS[1:])
    second = tmp_path / "s2.json"
    words += [*AT, "--statement", str(second), "--corrects", str(first)]
    assert main([*words, "--by", "the office", "--reason", "w1 was a mistake"]) == 0
    data = read_statement(second)
    assert data["revision"] == 2
    corrects = data["corrects"]
    assert corrects["sha256"] == read_statement(first)["sha256"]
    assert (corrects["by"], corrects["reason"]) == ("the office", "w1 was a mistake")
    figures = {one["figure"]: one for one in corrects["changed"]}
    used = figures["figures[erp].budget.used"]
    assert (used["before"], used["after"]) == (5400, 18_000)
    assert main(["contract", "uptime", "--verify", str(second)]) == 0
    data["corrects"]["by"] = "nobody"
    assert is_found_out(data)


def test_what_was_altered_is_not_corrected(tmp_path: Path, capsys: Capture) -> None:
    first = written(tmp_path)
    data = read_statement(first)
    data["figures"][0]["met"] = False
    first.write_text(dumps(data), "utf-8")
    words = [*write(tmp_path, HISTORY, []), *AT, "--statement", f"{tmp_path}/n.json"]
    words += ["--corrects", str(first), "--by", "b", "--reason", "r"]
    assert main(words) == 1
    assert "was altered: figures[erp].met" in capsys.readouterr().err
    assert not (tmp_path / "n.json").exists()


def test_a_digest_sees_digits_and_not_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest([1, 2]) != digest([2, 1])
    assert digest({"a": Decimal("1.0")}) != digest({"a": Decimal("1.00")})


def test_json_keeps_all_digits_and_refuses_what_is_none() -> None:
    text = '{"a": 0.1234567890123456789012345678, "b": [], "c": {}}'
    assert dumps(loads(text), indent=0).replace("\n", "").replace(",", ", ") == text
    for bad in ('{"a": 1, "a": 1}', "[Infinity]"):
        with pytest.raises(ValueError, match=r"twice|no number"):
            loads(bad)
