"""A desk that was killed while it sent a mail sends it as soon as it is back."""

from pathlib import Path

from scudo_agent.desk.store.mailbox import Errand, Mailbox
from support.desk_scene import play
from support.desking import Bench, stage


def test_the_next_desk_has_the_mail_of_a_killed_one_at_once(tmp_path: Path) -> None:
    async def killed(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage())
        assert isinstance(b.desk.store.mail.claim(), Errand)

    play(tmp_path, killed)

    async def after(b: Bench) -> None:
        store = b.desk.store
        other = Mailbox(store.database, store.now, owner="other")
        again = other.claim()
        assert isinstance(again, Errand)
        assert (again.fence, again.attempts) == (2, 2)
        assert other.claim() is None

    play(tmp_path, after)
