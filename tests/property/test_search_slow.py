"""Words in ranges find what a plain look through the text finds."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from scudo_agent.desk.search_words import fold, sought, words

TEXTS = st.text(alphabet='abB1é -./_:@"', max_size=24).filter(
    # Fewer digits than a telephone number has.
    lambda text: text.count("1") < 6 and text.count(":") < 2
)


def by_words(text: str, query: str) -> bool:
    kept = words(text)
    return all(
        any(low <= word < high for word in kept for low, high in one.ranges)
        for one in sought(query)
    )


def by_looking(text: str, query: str) -> bool:
    asked = []
    for number, part in enumerate(fold(query).split('"')):
        # Without its pair a mark opens nothing.
        whole = number % 2 == 1 and number < fold(query).count('"')
        asked += [(chunk, whole) for chunk in part.split()]
    stripped = [(re.sub(r"^[\W_]+|[\W_]+$", "", one), whole) for one, whole in asked]
    asked = [(one, whole) for one, whole in stripped if one][:8]
    return all(
        _stands(fold(text), one, whole=whole or (len(one) < 3 and not last))
        for one, whole, last in (
            (one, whole, number == len(asked) - 1)
            for number, (one, whole) in enumerate(asked)
        )
    )


def _stands(text: str, asked: str, *, whole: bool) -> bool:
    after = r"(?![^\W_])" if whole else ""
    if re.search(r"(?<![^\W_])" + re.escape(asked) + after, text):
        return True
    serial = r"[^\W_]+(?:[-_:.][^\W_]+)*"
    bare = asked
    if re.fullmatch(serial, asked) and re.search(r"\d", asked):
        bare = re.sub(r"[-_:.]", "", asked)
    for found in re.findall(serial, text):
        pieces = re.split(r"[-_:.]", found)
        if len(pieces) < 2 or not re.search(r"\d", found):
            joined = [found] if len(pieces) == 1 else []
        else:
            joined = ["".join(pieces[n:]) for n in range(len(pieces) - 1)]
        for one in joined:
            if one == bare or (not whole and one.startswith(bare)):
                return True
    return bare != asked and bool(
        re.search(r"(?<![^\W_])" + re.escape(bare) + after, text)
    )


@given(TEXTS, TEXTS)
@example("a-1.b/a", "a1b")
@example("a", '"a')
@example("ab", 'a "a"')
@example("b-1", "-b1-")
def test_both_find_the_same(text: str, query: str) -> None:
    assert by_words(text, query) == by_looking(text, query)


@given(TEXTS, st.integers(0, 24), st.integers(0, 24))
def test_any_piece_from_the_begin_of_a_part_is_found(
    text: str, first: int, length: int
) -> None:
    starts = [one.start() for one in re.finditer(r"(?<![^\W_])[^\W_]", text)]
    if not starts:
        return
    start = starts[first % len(starts)]
    piece = text[start : start + 1 + length].split('"')[0].split()
    if piece and re.search(r"[^\W_]", piece[0]):
        assert by_words(text, piece[0])


@given(st.text(max_size=200))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(max_size=400), st.text(max_size=400))
def test_nothing_breaks_and_everything_has_bounds(text: str, query: str) -> None:
    assert all(0 < len(word) <= 64 for word in words(text))
    assert len(sought(query)) <= 8
    assert all(low < high for one in sought(query) for low, high in one.ranges)
