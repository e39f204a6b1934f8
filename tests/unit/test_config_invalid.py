"""One file for each fault of a site file, with the exact lines it gives."""

from pathlib import Path

import pytest

from scudo_agent.config import load
from scudo_agent.errors import ConfigError
from support.config_kinds import KINDS

FOLDER = Path(__file__).parent / "invalid"
FILES = sorted(FOLDER.glob("*.yaml"))
MARK = "#! "


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the files' secrets refer to."""
    monkeypatch.setenv("SCUDO_TEST_LONG", "long-enough-1")
    monkeypatch.setenv("SCUDO_TEST_SHORT", "short")
    monkeypatch.setenv("SCUDO_TEST_EMPTY", "")
    monkeypatch.delenv("SCUDO_TEST_UNSET", raising=False)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_gives_exactly_the_lines_at_its_end(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    expected = [line.removeprefix(MARK) for line in lines if line.startswith(MARK)]
    assert expected, f"{path.name} says nothing of what is wrong with it"
    with pytest.raises(ConfigError) as caught:
        load(path, KINDS)
    got = str(caught.value).replace(f"{FOLDER}/", "").splitlines()
    assert got == expected
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_never_repeats_a_literal_secret(path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(path, KINDS)
    assert "s3cret-value" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_faults_of_a_file_that_is_not_there_or_is_no_text(tmp_path: Path) -> None:
    def fault(path: Path) -> str:
        with pytest.raises(ConfigError) as caught:
            load(path, KINDS)
        return str(caught.value).replace(str(tmp_path), "")

    (tmp_path / "empty.yaml").write_bytes(b"")
    (tmp_path / "comment.yaml").write_bytes(b"# nothing but this\n")
    (tmp_path / "latin.yaml").write_bytes("version: 1\nsite: è\n".encode("latin-1"))
    (tmp_path / "nul.yaml").write_bytes(b"version: 1\nsite: a\0b\n")
    (tmp_path / "large.yaml").write_bytes(b"#" * (16 * 2**20 + 1))
    assert fault(tmp_path / "no.yaml") == (
        "/no.yaml: cannot be read: No such file or directory"
    )
    assert fault(tmp_path) == ": cannot be read: Is a directory"
    assert fault(tmp_path / "empty.yaml") == "/empty.yaml: is empty"
    assert fault(tmp_path / "comment.yaml") == "/comment.yaml: is empty"
    assert fault(tmp_path / "latin.yaml") == (
        "/latin.yaml:2:7: is not UTF-8 text from here on"
    )
    assert fault(tmp_path / "nul.yaml") == (
        "/nul.yaml:2:8: the character U+0000 does not belong into a text file"
    )
    assert fault(tmp_path / "large.yaml") == "/large.yaml: is larger than 16 MiB"


def test_a_report_ends_with_how_many_faults_there_are() -> None:
    with pytest.raises(ConfigError) as caught:
        load(FOLDER / "issue-example.yaml", KINDS)
    assert caught.value.report().splitlines()[-1] == "2 faults, nothing was started"
    with pytest.raises(ConfigError) as caught:
        load(FOLDER / "unclosed.yaml", KINDS)
    assert caught.value.report().splitlines()[-1] == "1 fault, nothing was started"
