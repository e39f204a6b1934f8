"""The desk against a real SMTP server: taken, put off, refused, cut off."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scudo_agent.desk.mail.transport import (
    PER_CONNECTION,
    SmtpTransport,
    TransportError,
)
from scudo_agent.desk.settings import Smtp
from scudo_agent.desk.store.scope import Scope
from support.desk_scene import Scene, play
from support.desking import Bench, stage
from support.smtp_server import Box, smtp_server

pytestmark = [pytest.mark.real, pytest.mark.mail]


@pytest.fixture
def box() -> Iterator[Box]:
    with smtp_server() as served:
        yield served


@pytest.fixture
def desk(tmp_path: Path, box: Box) -> Callable[[Scene], None]:
    """Run a scene on a desk that mails through the server."""

    def run(scene: Scene) -> None:
        way = SmtpTransport(
            Smtp(host="127.0.0.1", port=box.port, tls="none", timeout_s=5),
            None,
            host="desk.example",
        )
        play(tmp_path, scene, transport=way)

    return run


def history(b: Bench, ref: str) -> list[str]:
    view = b.desk.store.views.ticket(Scope.of_staff(), ref)
    assert view is not None
    return [entry.kind for entry in view.entries]


def test_a_ticket_is_one_thread(desk: Callable[[Scene], None], box: Box) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        reply = await agent.send(stage())
        ref = reply.json()["results"][0]["ticket"]
        await b.desk.send_mails()
        await agent.send(stage(2, 2, "recover"))
        await b.desk.send_mails()
        opening, recovery = box.taken
        assert recovery["In-Reply-To"] == opening["Message-ID"]
        assert recovery["References"] == opening["Message-ID"]
        assert opening["In-Reply-To"] is None
        for message in box.taken:
            assert f"[{ref}]" in message["Subject"]
            assert message["To"] == "it@acme.example"
            plain = message.get_body(("plain",))
            assert plain is not None
            assert f"https://desk.example/t/{ref}" in plain.get_content()
        assert history(b, ref) == ["open", "mail_accepted", "recover", "mail_accepted"]

    desk(scene)


@pytest.mark.parametrize("where", ["rcpt", "replies"])
def test_what_is_put_off_leaves_later_once(
    desk: Callable[[Scene], None], box: Box, where: str
) -> None:
    async def scene(b: Bench) -> None:
        getattr(box, where).append("451 greylisted, come again")
        agent = await b.agent()
        reply = await agent.send(stage())
        ref = reply.json()["results"][0]["ticket"]
        await b.desk.send_mails()
        assert box.taken == []
        b.clock.forward(60)
        await b.desk.send_mails()
        assert len(box.taken) == 1
        assert history(b, ref) == ["open", "mail_accepted"]

    desk(scene)


@pytest.mark.parametrize("where", ["rcpt", "replies"])
def test_what_is_refused_is_refused_for_good(
    desk: Callable[[Scene], None], box: Box, where: str
) -> None:
    async def scene(b: Bench) -> None:
        getattr(box, where).append("550 no such user")
        agent = await b.agent()
        reply = await agent.send(stage())
        await b.desk.send_mails()
        b.clock.forward(3600)
        await b.desk.send_mails()
        assert box.taken == []
        ref = reply.json()["results"][0]["ticket"]
        assert history(b, ref) == ["open", "mail_refused"]

    desk(scene)


def test_a_250_that_was_lost_repeats_the_same_message_id(
    desk: Callable[[Scene], None], box: Box
) -> None:
    async def scene(b: Bench) -> None:
        box.replies.append("drop")
        agent = await b.agent()
        await agent.send(stage())
        await b.desk.send_mails()
        b.clock.forward(60)
        await b.desk.send_mails()
        assert len(box.taken) == 2
        assert len({message["Message-ID"] for message in box.taken}) == 1

    desk(scene)


def test_without_a_server_the_mail_waits(tmp_path: Path) -> None:
    with smtp_server() as gone:
        port = gone.port
    way = SmtpTransport(
        Smtp(host="127.0.0.1", port=port, tls="none", timeout_s=2),
        None,
        host="desk.example",
    )
    with pytest.raises(TransportError) as caught:
        way.send("a@b.example", "c@d.example", b"Subject: x\r\n\r\nx")
    assert not caught.value.permanent


def test_a_server_without_tls_gets_no_mail_where_tls_is_asked_for(box: Box) -> None:
    way = SmtpTransport(
        Smtp(host="127.0.0.1", port=box.port, timeout_s=2), None, host="desk.example"
    )
    with pytest.raises(TransportError, match="STARTTLS"):
        way.send("a@b.example", "c@d.example", b"Subject: x\r\n\r\nx")
    assert box.taken == []


def _way(box: Box) -> SmtpTransport:
    told = Smtp(host="127.0.0.1", port=box.port, tls="none", timeout_s=5)
    return SmtpTransport(told, None, host="desk.example")


MAIL = b"Subject: x\r\n\r\nx"


def test_a_connection_is_used_again_until_there_is_nothing_to_send(box: Box) -> None:
    way = _way(box)
    for _ in range(PER_CONNECTION + 1):
        way.send("a@b.example", "c@d.example", MAIL)
    assert len(box.taken) == PER_CONNECTION + 1
    assert box.sessions == 2
    way.rest()
    way.send("a@b.example", "c@d.example", MAIL)
    way.rest()
    assert box.sessions == 3


def test_a_kept_connection_that_the_server_closed_is_replaced(box: Box) -> None:
    way = _way(box)
    way.send("a@b.example", "c@d.example", MAIL)
    box.drop_all()
    way.send("a@b.example", "c@d.example", MAIL)
    way.rest()
    assert len(box.taken) == 2
    assert box.sessions == 2


def test_after_a_refusal_the_next_mail_has_a_connection_of_its_own(box: Box) -> None:
    way = _way(box)
    box.rcpt.append("550 no such user")
    with pytest.raises(TransportError) as caught:
        way.send("a@b.example", "c@d.example", MAIL)
    assert (caught.value.permanent, caught.value.answered) == (True, True)
    way.send("a@b.example", "c@d.example", MAIL)
    way.rest()
    assert len(box.taken) == 1
