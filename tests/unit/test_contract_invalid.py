"""One file for each fault of a contract file, with the exact lines it gives."""

from pathlib import Path

import pytest

from scudo_agent.cli.main import main
from scudo_agent.config.contract_file import contract_of_data, read_contract
from scudo_agent.config.yaml_source import read
from scudo_agent.errors import ConfigError

FOLDER = Path(__file__).parent / "contract_invalid"
FILES = sorted(FOLDER.glob("*.yaml"))
MARK = "#! "


def expected(path: Path) -> list[str]:
    """The lines that stand at the file's end."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix(MARK) for line in lines if line.startswith(MARK)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_gives_exactly_the_lines_at_its_end(path: Path) -> None:
    assert expected(path), f"{path.name} says nothing of what is wrong with it"
    with pytest.raises(ConfigError) as caught:
        read_contract(path)
    assert [f"{f.line}:{f.column}: {f.what}" for f in caught.value.faults] == (
        expected(path)
    )
    assert {fault.file for fault in caught.value.faults} == {str(path)}


# Data has no key twice, is a mapping, and a float has lost the digits of its file.
OF_THE_TEXT = {"key-twice", "no-mapping", "target-tiny-above"}


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if path.stem not in OF_THE_TEXT],
    ids=lambda p: p.stem,
)
def test_the_same_data_has_the_same_faults_without_a_place(path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        contract_of_data(read(path).data, name="the contract")
    said = [line.split(": ", 1)[1] for line in expected(path)]
    assert sorted(f.what for f in caught.value.faults) == sorted(said)
    assert {(f.line, f.column) for f in caught.value.faults} == {(0, 0)}


def test_the_command_tells_all_faults_and_exits_with_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = FOLDER / "many-at-once.yaml"
    assert main(["contract", "check", str(path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    *lines, last = said.err.splitlines()
    assert lines == [f"{path}:{line}" for line in expected(path)]
    assert last == f"{len(lines)} faults"


@pytest.mark.parametrize(
    "command",
    [
        ["calendar", "--year", "2026"],
        ["sla", "--opened", "2026-04-03T16:30:00+02:00"],
        ["cost", "--minutes", "7", "--on", "2026-04-03"],
    ],
    ids=lambda command: command[0],
)
def test_every_command_refuses_a_faulty_contract(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = FOLDER / "hours-overlap.yaml"
    name, *options = command
    assert main(["contract", name, str(path), *options]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"{path}:{expected(path)[0]}\n"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_contract(tmp_path / "no.yaml")
    assert str(caught.value).endswith(
        "no.yaml: cannot be read: No such file or directory"
    )
