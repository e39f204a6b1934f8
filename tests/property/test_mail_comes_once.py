"""Whatever comes, in whatever order and however often: each mail is somewhere, once."""

from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scudo_agent.desk.mail.sameness import fingerprint
from scudo_agent.desk.mail.why import Outcome
from scudo_agent.desk.store.mail_in import Landed
from support.desk_scene import play
from support.desking import Bench
from support.mail_shapes import SHAPES, Shape
from support.mails_in import door

Way = Callable[[bytes], bytes]
WAYS: tuple[Way, ...] = (
    lambda raw: raw,
    lambda raw: raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
    lambda raw: b"Received: from a by b\n\twith ESMTP; today\n" + raw,
    lambda raw: b"X-Spam-Score: 1\nDelivered-To: all@provider.example\n" + raw,
)
"""What servers do to a mail on its way."""

mails = st.lists(
    st.tuples(st.sampled_from(SHAPES), st.sampled_from(WAYS), st.integers(0, 3)),
    min_size=1,
    max_size=12,
)


def test_each_mail_is_somewhere_once(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        at, _ = await door(b)
        first: dict[str, Landed] = {}

        @settings(
            max_examples=15,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(mails)
        def come(many: list[tuple[Shape, Way, int]]) -> None:
            for shape, way, tag in many:
                raw = shape.data + b"\n" * bool(tag) + b"%d" % tag * bool(tag)
                before = at.count()
                landed = at.land(way(raw))
                known = first.setdefault(fingerprint(raw), landed)
                if known is not landed:
                    assert landed == known
                    assert at.count() == before
                    continue
                assert at.count()[0] == before[0] + 1
                if shape.kind != "mail":
                    made = (Outcome.OPENED, Outcome.LANDED)
                    assert landed.outcome not in made
                if landed.outcome is Outcome.QUARANTINED:
                    assert landed.ref is None
                    # Nothing is said anywhere: not to its sender either.
                    assert at.count()[1] - before[1] <= 1  # the provider's alarm

        come()

    play(tmp_path, scene)
