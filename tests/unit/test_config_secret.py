"""A secret is read by reference and never shows itself."""

import copy
import json
import logging
import pickle
import traceback
from pathlib import Path

import pytest
from pydantic import ValidationError

from scudo_agent.config.secret import Secret, resolve
from scudo_agent.config.shape import SiteFile
from scudo_agent.errors import InputError
from support.config_files import HEAD, TARGETS, loaded

PLANTED = "pl4nted-s3cret"
FILE = (
    HEAD
    + """\
desk: {url: https://desk.example, key: file:desk.key}
credentials:
  v3: {snmp: {version: 3, user: monitor, auth: sha256, auth_key: env:PLANTED,
              priv: aes128, priv_key: credential:priv}}
  v2: {snmp: {version: 2c, community: env:PLANTED}}
"""
    + TARGETS
    + "  sw: {address: 192.0.2.2, credentials: v3, checks: "
    "{up: {snmp: {get: IF-MIB::ifOperStatus.2}}}}\n"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose file, environment and systemd credential hold the secret."""
    monkeypatch.setenv("PLANTED", PLANTED)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "desk.key").write_text(PLANTED + "\n", encoding="utf-8")
    (tmp_path / "priv").write_text(PLANTED, encoding="utf-8")
    return tmp_path


def test_all_three_ways_lead_to_it(folder: Path) -> None:
    site = loaded(folder, FILE)
    assert site.desk.key is not None
    assert site.desk.key.reveal() == PLANTED
    credential = site.targets["sw"].credential
    assert credential is not None
    assert credential.auth_key is not None
    assert credential.auth_key.reveal() == PLANTED
    assert credential.priv_key is not None
    assert credential.priv_key.reveal() == PLANTED


def test_nothing_of_a_loaded_site_shows_it(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site = loaded(folder, FILE)
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").warning("%s %r", site, site)
    shown = [repr(site), str(site), f"{site.desk}", caplog.text, site.config_hash]
    shown += [json.dumps(site.raw), repr([c.definition for c in site.checks.values()])]
    shown.append(json.dumps(site.targets["sw"].credential, default=str))
    assert not any(PLANTED in text for text in shown)


def test_the_type_itself_never_shows_it(folder: Path) -> None:
    secret = resolve("env:PLANTED", base=folder)
    for text in (repr(secret), str(secret), f"{secret}", f"{secret!r:>40}"):
        assert PLANTED not in text
    with pytest.raises(TypeError) as caught:
        json.dumps(secret)
    assert PLANTED not in str(caught.value)
    for copier in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError) as caught:
            copier(secret)
        assert PLANTED not in str(caught.value)
    assert secret == Secret(PLANTED, reference="file:elsewhere")
    assert secret != PLANTED
    assert not hasattr(secret, "__dict__")


def test_what_is_raised_while_loading_never_shows_it(folder: Path) -> None:
    literal = FILE.replace("env:PLANTED", PLANTED).replace("file:desk.key", PLANTED)
    try:
        loaded(folder, literal)
    except InputError:
        assert PLANTED not in traceback.format_exc()
    else:
        pytest.fail("a literal secret was taken")


def test_pydantic_itself_never_shows_it() -> None:
    with pytest.raises(ValidationError) as caught:
        SiteFile.model_validate({"desk": {"url": "https://d.example", "key": PLANTED}})
    assert PLANTED not in str(caught.value)


def test_without_secrets_nothing_is_read(tmp_path: Path) -> None:
    site = loaded(tmp_path, FILE, secrets=False)
    assert site.desk.key is not None
    assert site.desk.key.reveal() == ""
    assert site.desk.key.reference == "file:desk.key"


def test_one_newline_at_the_end_is_not_part_of_it(tmp_path: Path) -> None:
    for raw, value in [("x\n", "x"), ("x\r\n", "x"), ("x\n\n", "x\n"), (" x", " x")]:
        (tmp_path / "key").write_bytes(raw.encode())
        assert resolve("file:key", base=tmp_path).reveal() == value


def test_a_changed_secret_is_no_changed_definition(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = loaded(folder, FILE).checks["sw/up"].definition
    monkeypatch.setenv("PLANTED", PLANTED + "-2")
    assert loaded(folder, FILE).checks["sw/up"].definition == before
    other = FILE.replace("auth: sha256", "auth: sha512")
    assert loaded(folder, other).checks["sw/up"].definition != before
