"""The checker itself: green after a real lifecycle, red for each planted defect."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from support.kill_points import lifecycle
from support.proof import Evidence, Letter, judge
from support.proof_rig import Rig
from support.smtp_server import smtp_server

pytestmark = pytest.mark.chaos


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    """What one incident's life left: open, raise, recover, re-open, recover."""
    folder = tmp_path_factory.mktemp("proof") / "rig"
    with smtp_server() as box:
        rig = Rig(folder, box.taken, smtp=box.port, services=("s1",))
        with closing(rig):
            rig.start()
            lifecycle(rig, "s1")
            rig.agent.end()
            rig.desk.end()
        yield replace(rig.evidence(), canaries={"acme": "ACME"})


@pytest.fixture
def copy(real: Evidence, tmp_path: Path) -> Evidence:
    """The same, to spoil."""
    agent, desk = tmp_path / "agent.db", tmp_path / "desk.db"
    shutil.copy(real.agents[0], agent)
    shutil.copy(real.desk, desk)
    return replace(real, agents=(agent,), desk=desk)


def test_a_real_lifecycle_is_green(real: Evidence) -> None:
    verdict = judge(real)
    assert not verdict.faults, verdict
    print(verdict)
    assert verdict.counts["incidents"] == verdict.counts["tickets"] == 1
    assert verdict.counts["letters"] == 5


def loose(db: sqlite3.Connection, table: str) -> None:
    """Make a table one without keys and rules."""
    db.execute(f'CREATE TABLE loose AS SELECT * FROM "{table}"')
    db.execute(f'DROP TABLE "{table}"')
    db.execute(f'ALTER TABLE loose RENAME TO "{table}"')


def change(path: Path, *statements: str, tables: tuple[str, ...] = ()) -> None:
    """Spoil a store."""
    with closing(sqlite3.connect(path)) as db:
        for table in tables:
            loose(db, table)
        for statement in statements:
            assert db.execute(statement).rowcount, statement
        db.commit()


def key_dropped(run: Evidence) -> Evidence:
    """Without its unique key the desk opened a second ticket."""
    change(
        run.desk,
        "INSERT INTO ticket SELECT * FROM ticket",
        "UPDATE ticket SET ticket_id = 99, ref = 'SC-2' WHERE rowid = 2",
        tables=("ticket",),
    )
    return run


def incident_doubled(run: Evidence) -> Evidence:
    """The incident is there twice."""
    change(
        run.desk, "INSERT INTO incident SELECT * FROM incident", tables=("incident",)
    )
    return run


def never_told(run: Evidence) -> Evidence:
    """The desk lost the incident with its ticket."""
    change(run.desk, "DELETE FROM incident", "DELETE FROM ticket")
    return run


def nobodys_ticket(run: Evidence) -> Evidence:
    """A ticket for an incident that no agent knows."""
    change(
        run.desk,
        "INSERT INTO ticket SELECT * FROM ticket",
        "UPDATE ticket SET ticket_id = 99, ref = 'SC-2', incident_id = 'x'"
        " WHERE rowid = 2",
        tables=("ticket",),
    )
    return run


def out_of_order(run: Evidence) -> Evidence:
    """The raise was applied after the recovery."""
    change(
        run.desk,
        "UPDATE ticket_event SET event_id = 9999 WHERE kind = 'raise'",
        tables=("ticket_event",),
    )
    return run


def history_lost(run: Evidence) -> Evidence:
    """A stage is not in the ticket's history."""
    change(run.desk, "DELETE FROM ticket_event WHERE kind = 'reopen'")
    return run


def overlap(run: Evidence) -> Evidence:
    """Two intervals of one check overlap."""
    change(
        run.agents[0],
        "UPDATE check_change SET since_us = since_us - 3600000000"
        " WHERE id = (SELECT max(id) FROM check_change)",
    )
    return run


def interval_lost(run: Evidence) -> Evidence:
    """A change of state was decided and not kept."""
    change(
        run.agents[0],
        "DELETE FROM check_change WHERE id = (SELECT max(id) FROM check_change)",
    )
    return run


def ledger_lost(run: Evidence) -> Evidence:
    """The agent holds for told what the desk does not have."""
    change(run.desk, "DELETE FROM ledger WHERE seq = 1")
    return run


def ledger_overlaps(run: Evidence) -> Evidence:
    """A service's interval begins before the one that it follows."""
    change(
        run.agents[0],
        "UPDATE ledger_outbox SET since_us = 1 WHERE undone_seq IS NULL"
        " AND seq = (SELECT max(seq) FROM ledger_outbox)",
    )
    return run


def other_message_id(run: Evidence) -> Evidence:
    """A mail went out twice, the second time under another Message-ID."""
    again = replace(run.letters[0], message_id="<again@provider.example>")
    return replace(run, letters=[*run.letters, again])


def no_fence(run: Evidence) -> Evidence:
    """Two workers sent one mail, and nothing was killed."""
    return replace(run, letters=[*run.letters, run.letters[-1]])


def mail_lost(run: Evidence) -> Evidence:
    """The desk says sent, and no server took it."""
    return replace(run, letters=run.letters[:-1])


def no_mail_row(run: Evidence) -> Evidence:
    """A recovery that has no mail row."""
    change(run.desk, "DELETE FROM mail_outbox WHERE kind = 'recover' AND rev > 4")
    return run


def fold_to_nothing(run: Evidence) -> Evidence:
    """A mail is folded into one that never was."""
    change(
        run.desk,
        "UPDATE mail_outbox SET state = 'folded', folded_into = '<x@y>',"
        " fold_rule = 'late' WHERE kind = 'raise'",
    )
    return told_by_another(run)


def told_by_another(run: Evidence) -> Evidence:
    """The raise's mail did not leave."""
    left = [one for one in run.letters if ".raise." not in one.message_id]
    return replace(run, letters=left)


def mails_swapped(run: Evidence) -> Evidence:
    """A ticket's recovery came before its opening."""
    return replace(run, letters=list(reversed(run.letters)))


def canary(run: Evidence) -> Evidence:
    """A row of another tenant names this one."""
    change(
        run.desk,
        "INSERT INTO tenant SELECT 'other', name, mail, language, created_us,"
        " updated_us FROM tenant WHERE tenant_id = 'acme'",
    )
    return run


def canary_mailed(run: Evidence) -> Evidence:
    """A mail about this tenant went to another."""
    change(
        run.desk,
        "INSERT INTO tenant SELECT 'other', 'Other', 'it@other.example', language,"
        " created_us, updated_us FROM tenant WHERE tenant_id = 'acme'",
    )
    stray = replace(
        run.letters[0], recipient="it@other.example", text="a mail about ACME"
    )
    return replace(run, letters=[stray, *run.letters[1:]])


def event_lost(run: Evidence) -> Evidence:
    """The desk's cursor passed an event that it does not have."""
    change(run.desk, "DELETE FROM inbox WHERE seq = 2")
    return run


def not_told(run: Evidence) -> Evidence:
    """An event waits at the agent for ever."""
    change(
        run.agents[0],
        "UPDATE outbox SET acked_us = NULL"
        " WHERE seq = (SELECT max(seq) FROM outbox WHERE stream = 'I')"
        " AND stream = 'I'",
    )
    return run


def recovery_deleted(run: Evidence) -> Evidence:
    """The outbox row of a recovery is gone."""
    change(
        run.agents[0],
        "DELETE FROM outbox WHERE kind = 'recover'"
        " AND rev = (SELECT max(rev) FROM outbox)",
    )
    return run


@dataclass(frozen=True, slots=True)
class Plant:
    """A defect, and the rule that must see it."""

    rule: str
    spoil: Callable[[Evidence], Evidence]


PLANTS = (
    Plant("I1", key_dropped),
    Plant("I1", incident_doubled),
    Plant("I1", never_told),
    Plant("I2", nobodys_ticket),
    Plant("I3", out_of_order),
    Plant("I3", history_lost),
    Plant("I4", overlap),
    Plant("I4", interval_lost),
    Plant("I4", ledger_lost),
    Plant("I4", ledger_overlaps),
    Plant("I5", other_message_id),
    Plant("I5", no_fence),
    Plant("I5", mail_lost),
    Plant("I5", no_mail_row),
    Plant("I5", fold_to_nothing),
    Plant("I5", mails_swapped),
    Plant("I6", canary),
    Plant("I6", canary_mailed),
    Plant("I7", event_lost),
    Plant("I7", not_told),
    Plant("I8", recovery_deleted),
)


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.spoil.__name__)
def test_a_planted_defect_turns_it_red(copy: Evidence, plant: Plant) -> None:
    assert plant.rule in judge(plant.spoil(copy)).red, plant.spoil.__doc__


def test_a_repeat_is_allowed_where_a_kill_explains_it(copy: Evidence) -> None:
    verdict = judge(no_fence(copy), repeats=1)
    assert not verdict.faults, verdict
    assert verdict.counts["repeats"] == 1


def test_a_fold_that_leads_to_a_sent_mail_is_green(copy: Evidence) -> None:
    change(
        copy.desk,
        "UPDATE mail_outbox SET state = 'folded', fold_rule = 'recovered',"
        " folded_into = (SELECT message_id FROM mail_outbox WHERE kind = 'recover'"
        " ORDER BY rev LIMIT 1) WHERE kind = 'raise'",
    )
    verdict = judge(told_by_another(copy))
    assert not verdict.faults, verdict
    assert verdict.counts["folded"] == 1


def test_a_letter_is_read_as_the_server_took_it(real: Evidence) -> None:
    first: Letter = real.letters[0]
    assert first.recipient == "it@acme.example"
    assert first.message_id.startswith("<")
    assert "SC-" in first.text
