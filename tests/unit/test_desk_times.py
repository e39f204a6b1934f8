"""How long tickets take: from histories, against a second way to count, on a page."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from scudo_agent.desk.lifecycle import Status
from scudo_agent.desk.rights import Role
from scudo_agent.desk.store.scope import Scope
from scudo_agent.desk.times import Step, Took, Turn, by_month, lengths, took
from scudo_agent.instant import DAY, HOUR, MINUTE, Instant
from support.crew import Hand, hand
from support.desk_scene import play
from support.desking import T0, Bench, stage

DONE = (Status.RESOLVED, Status.CLOSED)


def turned(minute: int, to: Status) -> Turn:
    """It came to a state so many minutes after the receipt."""
    return Turn(at=Instant(T0 + minute * MINUTE), step=Step.TURNED, to=to.value)


def taken(minute: int) -> Turn:
    """Somebody took it on."""
    return Turn(at=Instant(T0 + minute * MINUTE), step=Step.TAKEN)


def test_what_waits_for_the_customer_is_not_in_the_resolution() -> None:
    turns = [
        taken(10),
        turned(10, Status.IN_PROGRESS),
        turned(30, Status.WAITING_CUSTOMER),
        turned(90, Status.IN_PROGRESS),
        turned(100, Status.RESOLVED),
        turned(500, Status.CLOSED),
    ]
    assert took(T0, turns) == (10 * MINUTE, 40 * MINUTE)


def test_what_is_reopened_is_not_resolved_until_it_is_again() -> None:
    turns = [taken(1), turned(5, Status.RESOLVED), turned(60, Status.REOPENED)]
    assert took(T0, turns) == (MINUTE, None)
    assert took(T0, [*turns, turned(70, Status.RESOLVED)]) == (MINUTE, 70 * MINUTE)


def test_what_the_desk_closes_was_taken_on_by_nobody() -> None:
    assert took(T0, [turned(240, Status.CLOSED)]) == (None, 240 * MINUTE)
    assert took(T0, []) == (None, None)


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.sampled_from([*Status, None])), max_size=12
    )
)
def test_it_is_what_looking_at_each_minute_gives(
    steps: list[tuple[int, Status | None]],
) -> None:
    """The second way: the state of each minute, one after the other."""
    minute, turns = 0, []
    for length, to in steps:
        minute += length
        turns.append(taken(minute) if to is None else turned(minute, to))
    states = [Status.NEW] * (minute + 1)
    at = 0
    for length, to in steps:
        at += length
        if to is not None:
            states[at:] = [to] * (minute + 1 - at)
    resolution = None
    if states[-1] in DONE:
        first = _begin_of_the_end(steps)
        waits = [_is_waiting(steps, one) for one in range(first)]
        resolution = (first - sum(waits)) * MINUTE
    first_taken = next((t.at - T0 for t in turns if t.step is Step.TAKEN), None)
    assert took(T0, turns) == (first_taken, resolution)


def _begin_of_the_end(steps: Sequence[tuple[int, Status | None]]) -> int:
    """The minute of the first step after which it never left the end again."""
    at, minutes = 0, []
    for length, to in steps:
        at += length
        if to is not None:
            minutes.append((at, to in DONE))
    begin = minutes[-1][0]
    for minute, done in reversed(minutes):
        if not done:
            break
        begin = minute
    return begin


def _is_waiting(steps: Sequence[tuple[int, Status | None]], minute: int) -> bool:
    """Whether it waited for the customer in the minute that begins then."""
    at, state = 0, Status.NEW
    for length, to in steps:
        at += length
        if at > minute:
            break
        state = state if to is None else to
    return state is Status.WAITING_CUSTOMER


@given(st.lists(st.integers(0, 10**6), min_size=1))
def test_half_took_no_longer_and_of_ten_nine(found: list[int]) -> None:
    made = lengths([*found, None])
    assert made.half is not None
    assert made.most is not None
    assert made.tickets == len(found)
    assert 2 * sum(one <= made.half for one in found) >= len(found)
    assert 2 * sum(one < made.half for one in found) <= len(found)
    assert 10 * sum(one <= made.most for one in found) >= 9 * len(found)
    assert 10 * sum(one < made.most for one in found) < 9 * len(found)


def test_twelve_months_with_those_in_which_nothing_was() -> None:
    one = Took(ref="SC-1", received=T0, severity=1, intervention=1, resolution=None)
    made = by_month([one], lambda _: date(2026, 3, 31), date(2026, 5, 2), many=12)
    assert next(iter(made)) == date(2025, 6, 1)
    assert list(made)[-1] == date(2026, 5, 1)
    assert [line.received for line in made.values()] == [0] * 9 + [1, 0, 0]


def referent(b: Bench) -> Hand:
    """Acme's, who reads Italian."""
    return hand(b, Role.REFERENT, "Referente Acme", tenant="acme")


def test_the_page_says_how_long_the_tickets_took(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.hello()
        who, tina = referent(b), hand(b)
        assert "Nessun ticket negli ultimi dodici mesi" in await who.page("/statistics")
        ref = (await agent.send(stage(1))).json()["results"][0]["ticket"]
        [before] = b.desk.store.times.of(Scope(tenant_id="acme"), Instant(T0 - DAY))
        assert (before.intervention, before.resolution) == (None, None)
        b.clock.forward(20 * 60)
        await tina.do(ref, "triage", urgency="1")
        b.clock.forward(2 * 3_600)
        assert (await tina.do(ref, "start", mode="phone")).is_redirect
        reply = await tina.do(ref, "resolve", words="fatto", redundant="yes")
        assert reply.is_redirect, reply.text
        [after] = b.desk.store.times.of(Scope(tenant_id="acme"), Instant(T0 - DAY))
        received = after.received
        assert after.intervention is not None
        assert after.intervention // MINUTE == (T0 + 20 * MINUTE - received) // MINUTE
        assert after.resolution == after.intervention + 2 * HOUR
        page = await who.page("/statistics")
        assert "La metà dei ticket è stata presa in carico entro" in page
        assert f'href="/t/{ref}"' in page
        assert b.desk.store.times.of(Scope(tenant_id="evil"), Instant(0)) == ()

    play(tmp_path, scene)
