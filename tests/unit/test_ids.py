"""Identifiers: version 7, ordered by time, never twice."""

from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from scudo_agent.ids import uuid7
from scudo_agent.instant import Instant

instants = st.integers(0, 4_000_000_000_000_000).map(Instant)


@given(instants)
def test_it_is_a_uuid_of_version_7_that_holds_the_millisecond(at: Instant) -> None:
    made = UUID(uuid7(at))
    assert made.version == 7
    assert made.variant == RFC_4122
    assert made.int >> 80 == at // 1_000


def test_the_random_part_fills_all_74_bits() -> None:
    ones = UUID(uuid7(Instant(0), lambda n: b"\xff" * n)).int
    noughts = UUID(uuid7(Instant(0), bytes)).int
    assert (ones ^ noughts).bit_count() == 74


def test_two_are_never_the_same() -> None:
    assert len({uuid7(Instant(1)) for _ in range(1_000)}) == 1_000
