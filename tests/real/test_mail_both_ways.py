"""A notice leaves by SMTP, the reply comes by IMAP, and stands on the page: once."""

import asyncio
import signal
import subprocess
import sys
import time
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import func, select

from scudo_agent.clock import SystemClock
from scudo_agent.desk.mail.transport import SmtpTransport
from scudo_agent.desk.mail_door import MailDoor
from scudo_agent.desk.rights import Role
from scudo_agent.desk.settings import Smtp
from scudo_agent.desk.store.mail_tables import mail_in
from support.crew import hand
from support.desk_scene import play
from support.desking import Bench, stage
from support.imap_server import PASSWORD, MailServer, mail_server
from support.smtp_server import smtp_server

pytestmark = [pytest.mark.real, pytest.mark.mail]

_WAIT_S = 60.0
READER = "it@acme.example"


def reply(notice: EmailMessage, words: str) -> EmailMessage:
    """As a customer's program for mail answers."""
    mail = EmailMessage()
    mail["From"] = f"Ufficio IT <{READER}>"
    mail["To"] = notice["Reply-To"]
    mail["Subject"] = f"R: {notice['Subject']}"
    mail["Message-ID"] = "<risposta-1@acme.example>"
    mail["In-Reply-To"] = notice["Message-ID"]
    mail["References"] = notice["Message-ID"]
    mail.set_content(
        f"{words}\n\nIl 23/11/2026 10:42, AltecMonitor ha scritto:\n"
        "> Gestionale non risponde.\n"
    )
    return mail


def incoming(server: MailServer, **changes: object) -> dict[str, object]:
    imap = server.settings(**changes).model_dump()
    return {"from": "desk@provider.example", "in": {"imap": imap}}


def mails(b: Bench) -> int:
    with b.desk.store.database.read() as db:
        return int(db.execute(select(func.count()).select_from(mail_in)).scalar_one())


async def until(b: Bench, many: int) -> None:
    end = time.monotonic() + _WAIT_S
    while mails(b) < many:
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


async def opened(b: Bench) -> str:
    """The number of a ticket whose notice has left."""
    agent = await b.agent()
    answer = await agent.send(stage())
    await b.desk.send_mails()
    return str(answer.json()["results"][0]["ticket"])


def test_a_notice_goes_out_and_the_reply_stands_on_the_page(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD.reveal())
    with mail_server() as server, smtp_server() as box:

        async def scene(b: Bench) -> None:
            ref = await opened(b)
            customer = hand(b, Role.REFERENT, "Rita Referente", tenant="acme")
            door = MailDoor(
                b.desk.settings,
                b.desk.store,
                clock=SystemClock(),
                rng=b.desk._rng,
                woke=b.desk.wake_mails,
            )
            door.start()
            try:
                (notice,) = box.taken
                assert "resta nel ticket" in str(notice.get_body(("plain",)))
                answer = reply(notice, "Abbiamo staccato la spina del server.")
                server.put(bytes(answer))
                await until(b, 1)
                server.put(bytes(answer))  # by another way, or after a kill
                end = time.monotonic() + _WAIT_S
                while server.unseen():
                    assert time.monotonic() < end
                    await asyncio.sleep(0.02)
            finally:
                await door.stop(patience_s=_WAIT_S)
            assert mails(b) == 1
            page = await customer.page(f"/t/{ref}")
            assert page.count("Abbiamo staccato la spina del server.") == 1
            # What the desk says next is in the customer's thread, his own mail too.
            staff = hand(b)
            await staff.do(ref, "message", words="Grazie, provate ora.")
            await b.desk.send_mails()
            last = box.taken[-1]
            assert last["To"] == READER
            assert last["References"].split() == [
                notice["Message-ID"],
                "<risposta-1@acme.example>",
            ]

        way = SmtpTransport(
            Smtp(host="127.0.0.1", port=box.port, tls="none", timeout_s=30),
            None,
            host="desk.example",
        )
        play(tmp_path, scene, transport=way, mail=incoming(server))


_KILLED = """
import os, signal, sys
from contextlib import nullcontext
from pathlib import Path
from random import Random

from scudo_agent.clock import SystemClock
from scudo_agent.config.secret import Secret
from scudo_agent.desk.app import build
from scudo_agent.desk.mail.imap import Mailbox
from scudo_agent.desk.settings import DeskSettings
import asyncio

Mailbox.done = lambda *_: os.kill(os.getpid(), signal.SIGKILL)

async def run():
    desk = build(DeskSettings.model_validate_json(sys.argv[1]), clock=SystemClock())
    await desk.start()
    await asyncio.Event().wait()

asyncio.run(run())
"""


def test_a_desk_killed_between_landing_and_marking_lands_nothing_twice(
    tmp_path: Path,
) -> None:
    (tmp_path / "password").write_text(PASSWORD.reveal())
    with mail_server() as server:
        done = {"done": "move-to Elaborati"}
        mail = EmailMessage()
        mail["From"] = READER
        mail["To"] = "desk@provider.example"
        mail["Subject"] = "La stampante non stampa"
        mail["Message-ID"] = "<nuova@acme.example>"
        mail.set_content("Da stamattina non stampa nulla.")

        async def begun(b: Bench) -> None:
            await b.agent()
            settings.append(
                b.desk.settings.model_copy(update={"base": tmp_path}).model_dump_json(
                    by_alias=True, exclude_none=True, exclude={"base"}
                )
            )

        async def after(b: Bench) -> None:
            assert mails(b) == 1
            server.put(bytes(mail))
            door = MailDoor(
                b.desk.settings,
                b.desk.store,
                clock=SystemClock(),
                rng=b.desk._rng,
                woke=b.desk.wake_mails,
            )
            door.start()
            try:
                end = time.monotonic() + _WAIT_S
                while server.held() or server.held("Elaborati") < 2:
                    assert time.monotonic() < end
                    await asyncio.sleep(0.02)
            finally:
                await door.stop(patience_s=_WAIT_S)
            assert mails(b) == 1

        settings: list[str] = []
        play(tmp_path, begun, mail=incoming(server, **done))
        server.put(bytes(mail))
        killed = subprocess.run(
            [sys.executable, "-c", _KILLED, settings[0]],
            cwd=tmp_path,
            capture_output=True,
            timeout=240,
            check=False,
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
        assert server.held() == 1
        play(tmp_path, after, mail=incoming(server, **done))
