"""Somebody is added to a running desk, comes in, and is locked out: real processes."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx

from support.ports import free_port
from support.programs import Program, call, environment

LIMIT_S = 60.0
MAIL, PASSWORD = "one@provider.example", "a green horse runs"


def test_from_the_command_line_into_the_desk_and_out_again(tmp_path: Path) -> None:
    settings, port = tmp_path / "desk.yaml", free_port()
    settings.write_text(f"listen: {{port: {port}}}\nstate: state\n")
    where = ("--settings", str(settings))
    with closing(Program("desk", *where)) as desk:
        desk.until(lambda line: line.startswith("listens"), limit_s=LIMIT_S)
        added = call(
            "desk", "user", "add", MAIL, "--name", "Uno", "--role", "admin", *where
        )
        assert added.returncode == 0, added.stderr
        # From a pipe: in no argument, no environment and no history of a shell.
        words = ("desk", "user", "password", MAIL, *where)
        given = subprocess.run(
            [sys.executable, "-m", "scudo_agent", *words],
            input=f"{PASSWORD}\n",
            capture_output=True,
            text=True,
            env=environment(),
            timeout=LIMIT_S,
            check=False,
        )
        assert given.returncode == 0, given.stderr
        base = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=base, trust_env=False) as client:
            form = {"mail": MAIL, "password": PASSWORD, "back": "/people"}
            reply = client.post("/login", data=form, headers={"Origin": base})
            assert (reply.status_code, reply.headers["location"]) == (303, "/people")
            assert MAIL in client.get("/people").text
            out = call("desk", "user", "disable", MAIL, *where)
            assert out.returncode == 0, out.stderr
            assert client.get("/people").status_code == 401
            reply = client.post("/login", data=form, headers={"Origin": base})
            assert reply.status_code == 401
        said = desk.text()
    for text in (said, added.stdout, given.stdout, given.stderr):
        assert PASSWORD not in text
