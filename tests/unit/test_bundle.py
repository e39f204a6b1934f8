"""The support archive: what is in it, and canaries that must not be."""

import base64
import json
import tarfile
from pathlib import Path
from urllib.parse import quote

import pytest

from scudo_agent.agent.redaction import GONE, Redactor, settings
from scudo_agent.cli.main import main
from scudo_agent.desk.auth import new_code, new_key
from scudo_agent.store.agent_store import AgentStore
from support.sites import DESK, SITE, write_site
from support.storing import opened, told

CANARY = 'can4ry/of+the "file"'
COMMUNITY = "can4ry-community"
WORD = "can4ry-of-smtp"
KEYS = tuple(new_key() for _ in range(3))
INLINE = "can4ry-that-stands-in-the-file"
TOKEN = "scj_" + "c" * 43
CODE = new_code()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site whose secrets are canaries, and a log that told them all."""
    monkeypatch.chdir(tmp_path)
    text = SITE.replace("desk: embedded", f"desk: embedded\nnotes: {{token: {INLINE}}}")
    path = write_site(tmp_path, text)
    site = path.read_text()
    site += "credentials: {a: {version: 2c, community: 'env:CANARY_COMMUNITY'}}\n"
    site += "headers: {x: 'file:canary.txt'}\n"
    path.write_text(site)
    monkeypatch.setenv("CANARY_COMMUNITY", COMMUNITY)
    monkeypatch.setenv("CANARY_SMTP", WORD)
    (tmp_path / "canary.txt").write_text(f"{CANARY}\n")
    smtp = "smtp: {host: mx.example, user: u, password: 'env:CANARY_SMTP'}"
    (tmp_path / "desk.yaml").write_text(
        DESK.replace("from: desk@provider.example", f"from: d@p.example, {smtp}")
    )
    state = tmp_path / "state"
    store = opened(state)
    store.commit(told(1)).result()
    store.close()
    for name, key in zip(("", ".before", ".next"), KEYS, strict=True):
        (state / f"desk.key{name}").write_text(f"{key}\n")
    lines = [
        f"tried {CANARY} and {json.dumps(CANARY)} and {quote(CANARY, safe='')}",
        f"snmp {COMMUNITY} {base64.b64encode(COMMUNITY.encode()).decode()}",
        f"hex {COMMUNITY.encode().hex()} smtp {WORD} keys {' '.join(KEYS)}",
        f"join http://desk.example {TOKEN}.{'0' * 64} or /in/{CODE}",
        "Authorization: Bearer can4ry-bearer and Basic can4ryYmFzaWM=",
        "http://user:can4ry-url@erp.example/ asked by chief@acme.example",
        "-----BEGIN PRIVATE KEY-----\ncan4ryPEM\n-----END PRIVATE KEY-----",
        "the last line",
    ]
    (tmp_path / "agent.log").write_text("\n".join(lines) + "\n")
    return path


def archived(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        found = {}
        for member in archive.getmembers():
            file = archive.extractfile(member)
            assert file is not None
            assert member.mode == 0o600
            found[member.name.removeprefix("scudo-bundle/")] = file.read().decode()
    return found


def test_no_canary_is_in_it(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = place.parent / "b.tar.gz"
    words = ["bundle", str(place), "--to", str(target), "--log", "agent.log"]
    assert main(words) == 0
    assert "versions.json, site.json, desk.json" in capsys.readouterr().out
    assert target.stat().st_mode & 0o777 == 0o600
    parts = archived(target)
    whole = "\n".join(parts.values())
    forms = (
        *(CANARY, json.dumps(CANARY)[1:-1], quote(CANARY, safe=""), "can4ry"),
        *(base64.b64encode(COMMUNITY.encode()).decode(), COMMUNITY.encode().hex()),
        *(*KEYS, TOKEN, CODE, "acme.example"),
    )
    found = [form for form in forms if form in whole.replace("erp.example", "")]
    assert not found, found
    assert "the last line" in parts["log/agent.log"]


def test_it_says_what_somebody_who_helps_needs(place: Path) -> None:
    target = place.parent / "b.tar.gz"
    assert main(["bundle", str(place), "--to", str(target)]) == 0
    parts = archived(target)
    assert json.loads(parts["versions.json"])["scudo_agent"]
    said = json.loads(parts["store.json"])
    assert (said["integrity"], said["rows"]["outbox"]) == ("ok", 1)
    site = json.loads(parts["site.json"])
    assert site["targets"]["erp"]["address"] == "192.0.2.10"
    assert site["credentials"]["a"]["community"] == "env:CANARY_COMMUNITY"
    assert site["notes"]["token"] == GONE
    assert json.loads(parts["desk.json"])["mail"]["smtp"]["host"] == "mx.example"
    # The file has a fault: what goes by it cannot be had, and says so.
    assert parts["status.json"].startswith("not to be had: ")
    assert main(["bundle", str(place), "--to", str(target)]) == 2, "never over a file"


def test_of_a_sound_site_it_has_status_doctor_and_outbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = SITE.replace("site: prova", "site: acme-milano")
    path = write_site(tmp_path, text.replace("erp.example", "192.0.2.10"))
    store: AgentStore = opened(tmp_path / "state")
    store.commit(told(1)).result()
    store.close()
    assert main(["bundle", str(path)]) == 0
    (target,) = tmp_path.glob("scudo-bundle-2*Z.tar.gz")
    parts = archived(target)
    assert json.loads(parts["status.json"])["site"] == "acme-milano"
    assert {one["about"] for one in json.loads(parts["doctor.json"])} >= {"store"}
    (one,) = json.loads(parts["outbox.json"])
    assert (one["stream"], one["why"]) == ("I", "not sent yet")


def test_settings_keep_references_and_lose_values() -> None:
    raw = {"community": "x", "port": 1, "a": [{"password": "env:P", "pass": None}]}
    assert settings(raw) == {
        "community": GONE,
        "port": 1,
        "a": [{"password": "env:P", "pass": None}],
    }


def test_a_word_of_three_letters_is_no_secret() -> None:
    assert Redactor(["up", "\n"]).text("it is up") == "it is up"
