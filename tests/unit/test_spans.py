"""Sets of time beside sets of whole numbers, and exact decimals."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from scudo_agent.contract.exact import DIGITS, exact, ratio, seconds
from scudo_agent.contract.spans import Spans, counted, merge, union
from scudo_agent.instant import Instant

numbers = st.integers(-5, 60)
intervals = st.lists(st.tuples(numbers, numbers), max_size=12)


def points(spans: Spans) -> set[int]:
    return {point for start, end in spans for point in range(start, end)}


def points_of(pairs: list[tuple[int, int]]) -> set[int]:
    return {point for start, end in pairs for point in range(start, end)}


def is_normal(spans: Spans) -> bool:
    edges = [edge for pair in spans for edge in pair]
    return edges == sorted(set(edges))


@given(one=intervals, other=intervals, within=st.tuples(numbers, numbers))
def test_operations_are_those_of_sets(
    one: list[tuple[int, int]], other: list[tuple[int, int]], within: tuple[int, int]
) -> None:
    a, b = merge(one), merge(other)
    first, second = points_of(one), points_of(other)
    period = Instant(min(within)), Instant(max(within))
    inside = set(range(*period))
    for found, wanted in (
        (a, first),
        (union((a, b)), first | second),
        (a.common(b), first & second),
        (a.without(b), first - second),
        (a.within(period), first & inside),
    ):
        assert points(found) == wanted
        assert is_normal(found)
        assert found.length() == len(wanted)
    assert a.overlap(b) == b.overlap(a) == len(first & second)


@given(down=intervals, unknown=intervals, excluded=intervals)
def test_what_counts_is_what_is_neither_unknown_nor_excluded(
    down: list[tuple[int, int]],
    unknown: list[tuple[int, int]],
    excluded: list[tuple[int, int]],
) -> None:
    bad = points_of(down) - points_of(unknown)
    inside = set(range(50))
    found = counted(
        merge(down).without(merge(unknown)),
        merge(unknown),
        merge(excluded),
        (Instant(0), Instant(50)),
    )
    counts = inside - points_of(unknown) - points_of(excluded)
    assert found == (len(counts), len(bad & counts))


@given(st.fractions(max_denominator=10**13))
def test_a_decimal_is_exact_where_it_has_an_end(value: Fraction) -> None:
    found = exact(value)
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest == 1:
        assert Fraction(found) == value
    else:
        assert abs(Fraction(found) / value - 1) <= Fraction(1, 10 ** (DIGITS - 1))


def test_two_ratios_of_one_year_never_look_the_same() -> None:
    year = 31_622_400_000_000
    one, other = Fraction(year - 2, year - 1), Fraction(year - 1, year)
    assert one != other
    assert exact(one) != exact(other)
    # On which side of the target a ratio lies can be read off its digits.
    near = Fraction(99, 100) - Fraction(1, 100 * (year - 1))
    assert exact(near) < Decimal("0.99")


def test_ratios_have_a_point_and_whole_seconds_none() -> None:
    assert str(ratio(Fraction(1))) == "1.0"
    assert str(ratio(Fraction(0))) == "0.0"
    assert str(ratio(Fraction(13, 4))) == "3.25"
    assert ratio(None) is None
    assert seconds(3_000_000) == 3
    assert isinstance(seconds(3_000_000), int)
    assert seconds(1_500_000) == Decimal("1.5")
    assert seconds(Fraction(1, 2)) == Decimal("0.0000005")
