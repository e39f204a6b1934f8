"""A desk's database on a server, as its settings name it: no password is ever shown."""

from pathlib import Path

import pytest

from scudo_agent.cli.main import main
from scudo_agent.desk.settings import load_desk_settings
from scudo_agent.errors import ConfigError

URL = "postgresql+psycopg://desk@db.example:5432/scudo"


def settings(folder: Path, text: str) -> Path:
    path = folder / "desk.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_password_stands_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("sesame\n", encoding="utf-8")
    text = f"database: {URL}\ndatabase_password: file:password\n"
    found = load_desk_settings(settings(tmp_path, text))
    server = found.server()
    assert server is not None
    assert server.url == URL
    assert server.password is not None
    assert server.password.reveal() == "sesame"
    assert "sesame" not in repr(found) + repr(server)


def test_without_the_key_it_is_a_file(tmp_path: Path) -> None:
    assert load_desk_settings(settings(tmp_path, "state: here\n")).server() is None


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://desk:sesame@db.example/scudo",
        "postgresql+psycopg://db.example/scudo?password=sesame",
        "postgresql+psycopg://db.example",
        "mysql://db.example/sesame",
        "postgresql+psycopg://desk@db.example/scudo?x=sesame@evil",
    ],
)
def test_another_address_is_refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    path = settings(tmp_path, f"state: here\ndatabase: {url}\n")
    with pytest.raises(ConfigError) as caught:
        load_desk_settings(path)
    said = caught.value.report()
    assert f"{path}:2:" in said
    assert "without a password" in said
    assert "sesame" not in said


def test_a_password_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    text = f"database: {URL}\ndatabase_password: file:nowhere\n"
    with pytest.raises(ConfigError, match="nowhere"):
        load_desk_settings(settings(tmp_path, text))


@pytest.mark.parametrize(
    ("words", "tool"),
    [(["backup"], "pg_dump"), (["restore", "--empty"], "pg_restore")],
)
def test_backup_and_restore_name_the_servers_own_tools(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], tool: str
) -> None:
    path = settings(tmp_path, f"database: {URL}\n")
    assert main(["desk", *words, "--settings", str(path)]) == 2
    assert tool in capsys.readouterr().err
    assert not (tmp_path / "desk-state").exists()
