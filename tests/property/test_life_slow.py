"""The life of a ticket against a table that was written by hand."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from scudo_agent.desk.life import (
    ActError,
    Doer,
    Life,
    Mode,
    Move,
    RightError,
    Thing,
    act_of,
    moves,
)
from scudo_agent.desk.lifecycle import Condition, Status
from scudo_agent.desk.rights import Role
from scudo_agent.instant import HOUR, Instant
from support.desking import T0
from support.slow_life import STEPS, WORKERS, Wanted, mailed, verdict

WORDS = st.sampled_from(["", "  ", "fatto"])
ESTIMATES = {
    "none": None,
    "past": Instant(T0 - HOUR),
    "future": Instant(T0 + HOUR),
}
WANTED = st.builds(
    Wanted,
    role=st.sampled_from([role.value for role in Role]),
    status=st.sampled_from([status.value for status in Status]),
    to=st.sampled_from([status.value for status in Status]),
    down=st.booleans(),
    provider=st.booleans(),
    estimate=st.sampled_from(list(ESTIMATES)),
    mode=st.sampled_from(["", *(mode.value for mode in Mode)]),
    thing=st.sampled_from(["", *(thing.value for thing in Thing)]),
    tool=WORDS,
    words=WORDS,
    redundant=st.booleans(),
    same_mode=st.booleans(),
)


def before(move: Wanted) -> Life:
    """The ticket that the move is about."""
    life = Life(
        status=Status(move.status),
        condition=Condition.BAD if move.down else Condition.RECOVERED,
        severity=None if move.provider else 2,
        audience="provider" if move.provider else "customer",
    )
    if move.same_mode and move.mode:
        tool = move.tool.strip()
        detail = f"{move.thing}: {tool}" if move.mode == "remote" else tool
        return replace(life, mode=Mode(move.mode), mode_detail=detail or None)
    return replace(life, mode=Mode.VENDOR, mode_detail="another one")


def asked(move: Wanted) -> Move:
    """The act as the desk knows it."""
    return Move(
        to=Status(move.to),
        words=move.words,
        estimate=ESTIMATES[move.estimate],
        mode=Mode(move.mode) if move.mode else None,
        thing=Thing(move.thing) if move.thing else None,
        detail=move.tool,
        redundant=move.redundant,
    )


@given(WANTED)
def test_each_move_is_done_or_refused_as_the_table_says(move: Wanted) -> None:
    doer = Doer(role=Role(move.role), person_id=7)
    life = before(move)
    try:
        done = act_of(life, asked(move), doer, now=T0)
    except RightError:
        assert verdict(move) == "right"
        return
    except ActError:
        assert verdict(move) == "refused"
        return
    assert verdict(move) == "done"
    assert done.life.status.value == move.to
    assert done.data["status"] == {"from": move.status, "to": move.to}
    assert (done.mail is not None) == mailed(move)
    # What a move says nothing of stays.
    assert done.life.severity == life.severity
    assert done.life.assignee_id == life.assignee_id


@given(st.sampled_from(list(Status)), st.sampled_from(list(Role)))
def test_what_is_offered_is_what_the_table_has(status: Status, role: Role) -> None:
    life = Life(status=status, condition=Condition.BAD, severity=1)
    offered = {one.value for one in moves(life, Doer(role=role, person_id=None))}
    (line,) = [x for x in STEPS.strip().splitlines() if x.split()[0] == status.value]
    assert offered == (set(line.split()[1:]) if role.value in WORKERS else set())
