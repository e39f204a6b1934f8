"""A desk's process, a program with a token, a webhook's receiver, and idle crowds."""

import contextlib
import signal
import socket
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from support.desking import stage
from support.hook_receiver import receiver
from support.ports import free_port
from support.programs import Program, call

LIMIT_S = 60.0
SITE = """\
version: 1
site: acme-milano
customer: {id: acme, name: ACME S.p.A., mail: it@acme.example, language: it}
timezone: Europe/Rome
targets:
  here: {local: true, checks: {disk: {host: {disk: /}}}}
"""
HELLO: dict[str, Any] = {
    "epoch": None,
    "store_id": "s",
    "head_seq": {},
    "acked_seq": {},
    "wall": "2026-11-23T09:00:00Z",
    "mono_us": 1,
    "boot_id": "b",
}


def test_a_program_hears_writes_and_outlives_the_desks_death(tmp_path: Path) -> None:
    port, site = free_port(), tmp_path / "site.yaml"
    file = tmp_path / "desk.yaml"
    file.write_text(
        f"listen: {{port: {port}}}\nwebhooks: {{allow: [127.0.0.0/8]}}\nstate: state\n"
    )
    site.write_text(SITE)
    url, settings = f"http://127.0.0.1:{port}", ("--settings", str(file))

    def first(*words: str) -> str:
        done = call("desk", *words, *settings)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[0]

    def listening() -> Program:
        desk = Program("desk", *settings)
        desk.until(lambda line: line.startswith("listens"), limit_s=LIMIT_S)
        return desk

    with receiver() as there, httpx.Client(base_url=url, trust_env=False) as http:
        with closing(listening()) as desk:
            agent = {"Authorization": f"Bearer {first('agent', str(site))}"}
            who = "anna@provider.example"
            first("user", "add", who, "--name", "Anna", "--role", "admin")
            scopes = "tickets:read,tickets:write"
            token = first("token", "add", who, "nightly", "--scopes", scopes)
            mine = {"Authorization": f"Bearer {token}"}
            secret = first("webhook", "add", there.url)
            base = "/v1/agents/self"
            said = http.post(f"{base}/hello", json=HELLO, headers=agent)
            assert said.status_code == 200, said.text
            there.answers.append((503, {}))
            batch: dict[str, Any] = {
                "epoch": said.json()["epoch"],
                "first_seq": 1,
                "events": [stage().model_dump(mode="json")],
            }
            told = http.post(f"{base}/streams/I/events", json=batch, headers=agent)
            assert told.status_code == 200, told.text
            ref = told.json()["results"][0]["ticket"]
            opened = there.next(secret)
            assert (opened["type"], opened["data"]["ticket"]["ref"]) == (
                "ticket.opened",
                ref,
            )
            _crowded(port, http, mine)
            desk.end(signal.SIGKILL)
        with closing(listening()) as desk:
            again = there.next(secret)
            assert (again["id"], again["type"]) == (opened["id"], "ticket.opened")
            noted = http.post(
                f"/v1/desk/tickets/{ref}/notes",
                json={"words": "Arriviamo", "public": True},
                headers=mine | {"Idempotency-Key": "note-number-1"},
            )
            assert noted.status_code == 200, noted.text
            heard = [there.next(secret)]
            while heard[-1]["type"] != "ticket.note":
                heard.append(there.next(secret))
            assert heard[-1]["data"]["entry"]["detail"] == "Arriviamo"
            assert token not in desk.text()
            assert secret not in desk.text()


def _crowded(port: int, http: httpx.Client, mine: dict[str, str]) -> None:
    """Threat 20: 200 clients that never end their bodies, or send far too much."""
    with contextlib.ExitStack() as stack:
        head = (
            b"POST /v1/desk/tickets/SC-0000-0000/notes HTTP/1.1\r\nHost: desk\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n{"
        )
        for number in range(200):
            one = socket.create_connection(("127.0.0.1", port), timeout=10)
            stack.enter_context(closing(one))
            one.sendall(head % (100 if number % 2 else 1 << 40))
            if not number % 2:
                assert b" 413 " in one.recv(4096)
        me = http.get("/v1/desk/me", headers=mine, timeout=5)
        assert (me.status_code, me.json()["name"]) == (200, "Anna")
