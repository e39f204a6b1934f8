"""Whatever comes in by mail is somewhere afterwards, and nothing of it breaks us."""

import asyncio
import io
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from scudo_agent.desk.mail.spool import Spool
from scudo_agent.desk.mail_taking import Hands, SpoolTaker
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.mail_tables import mail_in
from scudo_agent.desk.store.post import Posting
from support.desking import T0, HandClock
from support.hostile_mails import hostile
from support.mail_shapes import SHAPES


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskStore]:
    posting = Posting(
        message_host="provider.example",
        provider_mail="noc@provider.example",
        reply_address="desk@provider.example",
    )
    made = DeskStore(
        tmp_path_factory.mktemp("desk"), clock=HandClock(), posting=posting
    )
    try:
        yield made
    finally:
        made.close()


@st.composite
def bent(draw: st.DrawFn) -> bytes:
    """A mail as a program writes it, with some of it cut, doubled or changed."""
    data = draw(st.sampled_from([shape.data for shape in SHAPES]))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        long = draw(st.integers(0, 200))
        piece = draw(st.one_of(st.binary(max_size=40), st.just(data[at : at + long])))
        data = data[:at] + piece + data[at + draw(st.sampled_from((0, 1, long))) :]
    return data


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(raw=st.one_of(st.binary(max_size=2_000), bent()))
def test_any_bytes_land_somewhere_and_only_once(store: DeskStore, raw: bytes) -> None:
    landed = store.mail_in.land(raw, source="pipe")
    assert landed.number
    assert store.mail_in.land(raw, source="imap:INBOX") == landed


def count(store: DeskStore) -> int:
    with store.database.read() as db:
        return int(db.execute(select(func.count()).select_from(mail_in)).scalar_one())


def test_hostile_mails_come_through_the_pipe_and_open_nothing(
    store: DeskStore, tmp_path: Path
) -> None:
    spool, before, came = Spool(tmp_path), count(store), 0
    for _, raw in hostile():
        came += spool.put(io.BytesIO(raw), T0) is not None
    land: Callable[..., object] = store.mail_in.land

    def taken(raw: bytes, source: str, received: object) -> None:
        land(raw, source=source, received=received)

    async def take() -> int:
        rng, clock = random.Random(1), HandClock()
        hands = Hands(
            land=taken,
            land_unread=lambda *_: pytest.fail("a mail made the desk stumble"),
            woke=lambda: None,
            clock=clock,
            rng=rng,
        )
        return SpoolTaker(spool, hands).take()

    assert asyncio.run(take()) == came
    assert spool.waiting() == []
    assert count(store) == before + came
    with store.database.read() as db:
        opened = mail_in.c.outcome.in_(("opened", "landed"))
        assert db.execute(select(mail_in).where(opened)).first() is None
