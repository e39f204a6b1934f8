"""A desk that was killed while it sent a mail sends it as soon as it is back."""

from pathlib import Path

from scudo_agent.desk.store.mailbox import Mailbox
from support.desk_scene import play
from support.desking import Bench, stage


def test_the_next_desk_has_the_mail_of_a_killed_one_at_once(tmp_path: Path) -> None:
    async def killed(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage())
        assert len(b.desk.store.mail.turn((), 4).claims) == 1

    play(tmp_path, killed)

    async def after(b: Bench) -> None:
        store = b.desk.store
        other = Mailbox(store.database, store.now, owner="other")
        (again,) = other.turn((), 4).claims
        assert (again.fence, again.attempts) == (2, 2)
        assert other.turn((), 4).claims == ()

    play(tmp_path, after)
