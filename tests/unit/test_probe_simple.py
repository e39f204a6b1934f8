"""The engine of probes that are one async function."""

import asyncio
import logging

import pytest

from scudo_agent.model import Outcome
from scudo_agent.probes.connect import NoAnswerError, waiting_for
from scudo_agent.probes.port import Job
from scudo_agent.probes.simple import SimpleEngine, run_once
from scudo_agent.probes.tcp import TcpSettings
from scudo_agent.text import T
from support.probing import job, outcomes, plain

GOOD = Outcome(answered=True, seen=T("good"))
SETTINGS = TcpSettings(port=1)


def once(probe: object, timeout_s: float = 5.0) -> Outcome:
    one = job(SETTINGS, timeout_s=timeout_s)
    return asyncio.run(run_once(probe, one))  # type: ignore[arg-type]


def test_an_outcome_is_passed_on_as_it_is() -> None:
    async def probe(_job: Job) -> Outcome:
        return GOOD

    assert once(probe) is GOOD


def test_the_deadline_ends_a_run_and_says_so() -> None:
    async def probe(_job: Job) -> Outcome:
        await asyncio.Event().wait()
        return GOOD

    outcome = once(probe, timeout_s=0.01)
    assert outcome.answered is False
    assert plain(outcome.seen) == "no answer within {'duration': 10000}"


def test_the_deadline_says_what_was_waited_for() -> None:
    async def probe(_job: Job) -> Outcome:
        waiting_for.set(T("no name server"))
        await asyncio.Event().wait()
        return GOOD

    assert plain(once(probe, timeout_s=0.01).seen) == "no name server"


@pytest.mark.parametrize("own_fault", [False, True])
def test_no_answer_is_failed_or_the_agents_own_fault(own_fault: bool) -> None:
    async def probe(_job: Job) -> Outcome:
        raise NoAnswerError(T("nothing there"), own_fault=own_fault)

    outcome = once(probe)
    assert outcome.answered is (None if own_fault else False)
    assert plain(outcome.seen) == "nothing there"


def test_a_bug_is_unknown_and_its_traceback_is_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def probe(_job: Job) -> Outcome:
        raise ZeroDivisionError("sent s3cret")

    with caplog.at_level(logging.ERROR):
        outcome = once(probe)
    assert outcome.answered is None
    assert plain(outcome.seen) == (
        "the agent could not probe: ZeroDivisionError, see its log"
    )
    assert "127.0.0.1/tcp" in caplog.text
    assert "Traceback" in caplog.text


def test_at_most_the_limit_runs_at_once_and_all_are_reported() -> None:
    running, most = 0, 0

    async def probe(_job: Job) -> Outcome:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(3):
            await asyncio.sleep(0)
        running -= 1
        return GOOD

    jobs = [job(SETTINGS, check=f"t/{n}") for n in range(50)]
    found = asyncio.run(outcomes(SimpleEngine(probe, limit=7), jobs))
    assert found == [GOOD] * 50
    assert most == 7


def test_what_waits_for_its_turn_does_not_use_up_its_deadline() -> None:
    """A queue in the agent must not look like slow targets."""

    async def slow(_job: Job) -> Outcome:
        await asyncio.sleep(0.03)
        return GOOD

    jobs = [job(SETTINGS, check=f"t/{n}", timeout_s=0.2) for n in range(10)]
    found = asyncio.run(outcomes(SimpleEngine(slow, limit=1), jobs))
    assert found == [GOOD] * 10


def test_closing_cancels_and_reports_nothing() -> None:
    async def run() -> tuple[list[str], bool]:
        told: list[str] = []
        begun, ended = asyncio.Event(), asyncio.Event()

        async def probe(_job: Job) -> Outcome:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            return GOOD

        engine = SimpleEngine(probe, limit=1)
        await engine.start(lambda check, _outcome: told.append(check))
        engine.submit([job(SETTINGS, check="t/1"), job(SETTINGS, check="t/2")])
        await begun.wait()
        begun.clear()
        await engine.close()
        assert not begun.is_set(), "the second must not begin any more"
        return told, ended.is_set()

    assert asyncio.run(run()) == ([], True)
