"""`backup --to FILE`, of the agent and of the desk: what is there stays there."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from scudo_agent.cli.main import main
from scudo_agent.desk.store.migrate import migrate
from scudo_agent.desk.store.sqlite import SqliteDatabase
from support.sites import write_site
from support.storing import opened

Capture = pytest.CaptureFixture[str]


@pytest.fixture(params=["agent", "desk"])
def words(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[str]]:
    """The words of the command beside a store with something in it."""
    site, state = write_site(tmp_path), tmp_path / "state"
    if request.param == "agent":
        with closing(opened(state)):
            yield ["backup", str(site), "--to"]
        return
    with closing(SqliteDatabase(state)) as database:
        migrate(database)
    yield ["desk", "backup", str(site), "--to"]


def test_a_file_that_is_there_is_replaced_by_force_alone(
    words: list[str], tmp_path: Path, capsys: Capture
) -> None:
    saved = tmp_path / "kept.backup.db"
    assert main([*words, str(saved)]) == 0
    before = saved.read_bytes(), (tmp_path / "kept.backup.json").read_bytes()
    capsys.readouterr()
    saved.write_bytes(before[0] + b"more")
    assert main([*words, str(saved)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{saved} exists already and was left as it is" in line
    assert "--force" in line
    assert saved.read_bytes() == before[0] + b"more"
    assert main([*words, str(saved), "--force"]) == 0
    assert saved.read_bytes() == before[0]


def test_a_manifest_of_another_copy_stays_too(
    words: list[str], tmp_path: Path, capsys: Capture
) -> None:
    manifest = tmp_path / "kept.backup.json"
    manifest.write_text("of another")
    assert main([*words, str(tmp_path / "kept.backup.db")]) == 2
    assert str(manifest) in capsys.readouterr().err
    assert manifest.read_text() == "of another"
    assert not (tmp_path / "kept.backup.db").exists()


def test_a_folder_and_force_alone_are_wrong_input(
    words: list[str], tmp_path: Path, capsys: Capture
) -> None:
    assert main([*words, str(tmp_path), "--force"]) == 2
    assert "is a folder; name a file in it" in capsys.readouterr().err
    assert main([*words[:-1], "--force"]) == 2
    assert "--force goes with --to FILE" in capsys.readouterr().err
