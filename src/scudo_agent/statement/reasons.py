"""Sentences before figures, and why each figure is what it is."""

from collections.abc import Iterator
from dataclasses import dataclass

from scudo_agent.contract.account import Account
from scudo_agent.contract.model import Basis, UnknownAs
from scudo_agent.contract.part import Part
from scudo_agent.model import State
from scudo_agent.statement.words import STATE_WORDS, Words, remainder
from scudo_agent.text import TN, T, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure for people, and the sentences that it opens into.

    `details` names a list of the page that it opens into besides.
    """

    name: Text
    value: str
    why: tuple[Text, ...]
    details: str = ""


def summary(account: Account, words: Words, outages: int) -> Iterator[Text]:
    """What a reader must know, the most important first."""
    yield verdict_sentence(account, words)
    if not outages:
        yield T("It was never down.")
    else:
        down = account.lasted(State.DOWN)
        yield TN(
            "It was down once, for {down}: {counted} of that counts, {excluded} fell "
            "in maintenance that the contract excludes.",
            "It was down {n} times, for {down} in all: {counted} of that counts, "
            "{excluded} fell in maintenance that the contract excludes.",
            n=outages,
            down=words.length(down),
            counted=words.length(account.down_counted),
            excluded=words.length(account.down_excluded),
        )
    yield budget_sentence(account, words)
    if account.coverage < 1:
        yield T(
            "{coverage} of the time was seen; had it been down in all the rest, its "
            "availability would be {worst}.",
            coverage=words.percent(account.coverage),
            worst=words.percent(account.worst_case),
        )


def verdict_sentence(account: Account, words: Words) -> Text:
    """Whether the promise is kept."""
    target = words.promise(account.target)
    if account.availability is None:
        return T("{target} is promised; there is nothing to judge yet.", target=target)
    values = {"share": words.percent(account.availability), "target": target}
    over = account.period[1] >= account.year[1]
    if not account.met:
        if over:
            return T("It was available for {share} of the time that counts: "
                     "the promised {target} was not kept.", **values)  # fmt: skip
        return T("It was available for {share} of the time that counts so far: "
                 "less than the promised {target}.", **values)  # fmt: skip
    if over:
        return T("It was available for {share} of the time that counts: "
                 "the promised {target} was kept.", **values)  # fmt: skip
    return T("It was available for {share} of the time that counts so far: "
             "the promised {target} is kept.", **values)  # fmt: skip


def budget_sentence(account: Account, words: Words) -> Text:
    """What is left of what may be lost."""
    budget = account.budget
    values = {
        "allowed": words.length(budget.allowed),
        "used": words.length(budget.used),
    }
    if account.breached:
        return T("Of the {allowed} that the year allows, all and {over} more is used.",
                 over=words.length(-budget.remaining), **values)  # fmt: skip
    if account.period[1] >= account.year[1]:
        return T("Of the {allowed} that the year allowed, {used} was used.", **values)
    return T(
        "Of the {allowed} that the year allows, {used} is used: it may still be down "
        "for {left} by the year's end.",
        left=words.length(budget.remaining),
        **values,
    )


def budget_caption(account: Account, words: Words) -> Text:
    """What stands beneath the chart of the budget."""
    budget = account.budget
    allowed = words.length(budget.allowed)
    if account.breached:
        return T(
            "At the top {allowed}, at the line 0; dashed: used up evenly. The budget "
            "is exceeded by {over}.",
            allowed=allowed,
            over=words.length(-budget.remaining),
        )
    return T(
        "At the top {allowed}, at the line 0; dashed: used up evenly. Now {left} is "
        "left.",
        allowed=allowed,
        left=words.length(budget.remaining),
    )


def month_sentence(account: Account, found: Part, words: Words) -> Text:
    """What a month adds to the year's account."""
    return T(
        "In this month it was available for {share} of the time that counts; it cost "
        "{counted} of the year's budget.",
        share=words.percent(found.availability),
        counted=words.length(found.down_counted),
    )


def figures(account: Account, words: Words) -> list[Figure]:
    """The figures of the year, each with its why."""
    percent, length = words.percent, words.length
    uptime = account.contract.uptime
    return [
        Figure(
            name=T("availability"),
            value=percent(account.availability),
            why=(
                T(
                    "The time that counts is {counted}; {lost} of it was down. The "
                    "rest, divided by the time that counts, is the availability.",
                    counted=length(account.counted),
                    lost=length(account.down_counted),
                ),
            ),
        ),
        _counted(account, words),
        Figure(
            name=T("down, counted"),
            value=length(account.down_counted),
            why=(
                T("All the time down that no window excludes. The outages that make it "
                  "up stand beneath the timeline."),
            ),
            details="outages",
        ),
        Figure(
            name=T("down, excluded"),
            value=length(account.down_excluded),
            why=(T("The time down inside windows, as far as the contract excludes "
                   "them."),),
            details="windows",
        ),
        Figure(
            name=T("excluded"),
            value=length(account.excluded()),
            why=(T("What windows exclude of the time elapsed, each second once: first "
                   "ordinary, then extraordinary, upgrade, occasional."),),
            details="windows",
        ),
        *_edges(account, words),
        *_budget(account, words),
        *(
            Figure(
                name=STATE_WORDS[state],
                value=length(account.lasted(state)),
                why=(_state(state, uptime.unknown),),
            )
            for state in State
        ),
    ]  # fmt: skip


def _counted(account: Account, words: Words) -> Figure:
    values = {
        "elapsed": words.length(account.elapsed),
        "excluded": words.length(account.excluded()),
    }
    if account.contract.uptime.basis is Basis.CALENDAR:
        why = T("Of {elapsed} elapsed, what was not measured is left out; what windows "
                "exclude stays in, as up.", **values)  # fmt: skip
    else:
        why = T("Of {elapsed} elapsed, the {excluded} that windows exclude and what "
                "was not measured are left out.", **values)  # fmt: skip
    return Figure(name=T("counted"), value=words.length(account.counted), why=(why,))


def _edges(account: Account, words: Words) -> list[Figure]:
    return [
        Figure(
            name=T("worst case"),
            value=words.percent(account.worst_case),
            why=(T("The availability if all that was not measured had been down."),),
        ),
        Figure(
            name=T("best case"),
            value=words.percent(account.best_case),
            why=(T("The availability if all that was not measured had been up."),),
        ),
        Figure(
            name=T("coverage"),
            value=words.percent(account.coverage),
            why=(T("The part of the time that was measured; what windows exclude needs "
                   "no measuring."),),
        ),
    ]  # fmt: skip


def _budget(account: Account, words: Words) -> list[Figure]:
    budget = account.budget
    year = account.year[1] - account.year[0]
    values = {
        "share": words.promise(1 - account.target),
        "year": words.length(year),
        "excluded": words.length(account.exclusion.total.length()),
    }
    if account.contract.uptime.basis is Basis.CALENDAR:
        allowed = T("{share} of the year's {year}.", **values)
    else:
        allowed = T("{share} of the year's {year} less the {excluded} that windows "
                    "exclude in all of it, as announced so far.", **values)  # fmt: skip
    return [
        Figure(
            name=T("allowed in the year"),
            value=words.length(budget.allowed),
            why=(allowed,),
        ),
        _left_over(account, words),
        Figure(
            name=T("burn rate"),
            value=words.number(budget.burn_rate),
            why=(T("How fast the budget is used: 1 uses it up exactly at the year's "
                   "end, 2 at half of it."),),
        ),
    ]  # fmt: skip


def _left_over(account: Account, words: Words) -> Figure:
    budget = account.budget
    name, value = remainder(account, words)
    values = {
        "allowed": words.length(budget.allowed),
        "used": words.length(budget.used),
    }
    if account.breached:
        why = T("{used} that was down and counts, less {allowed}.", **values)
    else:
        why = T("{allowed} less {used} that was down and counts.", **values)
    return Figure(name=name, value=value, why=(why,))


def _state(state: State, unknown: UnknownAs) -> Text:
    if state is State.UNKNOWN and unknown is not UnknownAs.EXCLUDE:
        if unknown is UnknownAs.UP:
            return T("The contract takes time that was not measured for up.")
        return T("The contract takes time that was not measured for down.")
    match state:
        case State.UP:
            return T("Before anything is excluded.")
        case State.DEGRADED:
            return T("It worked, but not as it should: this counts as up.")
        case State.DOWN:
            return T("Before anything is excluded; what counts stands above.")
        case State.UNKNOWN:
            return T("Nobody measured: it is neither up nor down, and does not count.")
