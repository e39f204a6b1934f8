"""The checker: reads both stores and what the mail server took, after a run.

It asserts I1 to I8 of `reliability.md` 5 on files, and knows nothing of how they
came to be. It reads them with plain SQL, so that a defect of the product's own
reading code cannot hide one of its writing.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from support.proof_mail import Letter, mail_faults, mail_rows

__all__ = ["Evidence", "Letter", "Verdict", "judge"]

Row = sqlite3.Row
KINDS = "('open','join','root','raise','note','recover','reopen','retire')"
DESKS_OWN = ("monitoring-lost:", "agent-cloned:", "desk-restored:")
"""Subjects of which the desk tells the provider by itself."""
MAILED = ("open", "raise", "recover", "reopen")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a run left: the agents' stores, the desk's, the mails in their order.

    `canaries`: a word of each tenant that no other may ever see. `at_us`: when the
    run ended; a mail that is to leave later, and was not tried, is deferred.
    """

    agents: Sequence[Path]
    desk: Path
    letters: Sequence[Letter]
    at_us: int
    canaries: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Verdict:
    """What the checker found; `faults` are pairs of the rule and what breaks it."""

    faults: list[tuple[str, str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    waits_us: list[int] = field(default_factory=list)
    """Of each opening whose mail had no reason to wait: from the agent's commit until
    the desk knew that a server had taken the mail."""

    @property
    def red(self) -> set[str]:
        """The rules that are broken."""
        return {rule for rule, _ in self.faults}

    def add(self, rule: str, found: Iterator[str]) -> None:
        """Note what a rule found."""
        self.faults.extend((rule, text) for text in found)

    def __str__(self) -> str:
        said = " ".join(f"{name}={count}" for name, count in self.counts.items())
        lines = [f"{rule}: {text}" for rule, text in self.faults[:20]]
        return "\n".join([said, *lines])


def judge(evidence: Evidence, *, repeats: int = 0) -> Verdict:
    """Check everything; at most `repeats` mails may have come again."""
    verdict = Verdict()
    with closing(_opened(evidence.desk)) as desk:
        told = _Told(desk)
        known: set[str] = set()
        for path in evidence.agents:
            with closing(_opened(path)) as agent:
                _agent(verdict, agent, told)
                verdict.add("I4", _ledger(agent, desk))
                verdict.waits_us += _waits(agent, desk)
                known |= {r["incident_id"] for r in _rows(agent, "incident")}
        verdict.add("I1", _pairs(desk))
        known |= {r["incident_id"] for r in _rows(desk, "incident") if _own(r)}
        verdict.add("I2", _strangers(desk, told, known))
        verdict.add("I6", _leaks(desk, evidence))
        verdict.add("I7", _cursors(desk))
        rows = mail_rows(desk, at_us=evidence.at_us)
        verdict.faults += [
            ("I5", text)
            for text in mail_faults(rows, evidence.letters, repeats=repeats)
        ]
        verdict.counts["tickets"] = len(told.refs)
    verdict.counts["letters"] = len(evidence.letters)
    ids = Counter(letter.message_id for letter in evidence.letters)
    verdict.counts["repeats"] = len(evidence.letters) - len(ids)
    verdict.counts["folded"] = sum(row.state == "folded" for row in rows.values())
    verdict.counts["deferred"] = sum(row.deferred for row in rows.values())
    return verdict


class _Told:
    """What the desk has, by incident."""

    def __init__(self, desk: sqlite3.Connection) -> None:
        self.incidents: dict[str, list[Row]] = {}
        for row in _rows(desk, "incident"):
            self.incidents.setdefault(row["incident_id"], []).append(row)
        self.refs: dict[int, str] = {}
        self.openers: dict[str, list[int]] = {}
        for row in _rows(desk, "ticket"):
            self.refs[row["ticket_id"]] = row["ref"]
            if row["incident_id"] is not None:
                self.openers.setdefault(row["incident_id"], []).append(row["ticket_id"])
        self.stages: dict[str, list[Row]] = {}
        query = f"SELECT * FROM ticket_event WHERE kind IN {KINDS} ORDER BY event_id"
        for row in desk.execute(query):
            if row["rev"] is not None and row["incident_id"] is not None:
                self.stages.setdefault(row["incident_id"], []).append(row)
        self.mails = Counter(
            (row["incident_id"], row["kind"], row["rev"])
            for row in _rows(desk, "mail_outbox")
        )
        self.gaps = {
            (row["incident_id"], row["rev"])
            for row in _rows(desk, "inbox")
            if row["gap_reason"] is not None
        }


def _waits(agent: sqlite3.Connection, desk: sqlite3.Connection) -> Iterator[int]:
    """Folded mails, and those that gather or are put off, have a reason to wait."""
    query = "SELECT incident_id, created_us FROM outbox WHERE kind = 'open'"
    begun = dict(agent.execute(query).fetchall())
    mails = desk.execute(
        "SELECT incident_id, sent_us FROM mail_outbox"
        " WHERE kind = 'open' AND state = 'sent' AND NOT digest"
    )
    for incident_id, sent_us in mails.fetchall():
        if incident_id in begun:
            yield sent_us - begun[incident_id]


def _agent(verdict: Verdict, agent: sqlite3.Connection, told: _Told) -> None:
    """One agent's store against the desk's."""
    incidents = {row["incident_id"]: row for row in _rows(agent, "incident")}
    stages: dict[str, list[Row]] = {}
    query = "SELECT * FROM outbox WHERE incident_id IS NOT NULL ORDER BY seq"
    for row in agent.execute(query):
        stages.setdefault(row["incident_id"], []).append(row)
    for id_, row in incidents.items():
        verdict.add("I1", _one_ticket(row, told))
        verdict.add("I3", _same_history(id_, stages.get(id_, []), told))
        verdict.add("I5", _mailed(id_, stages.get(id_, []), told))
        verdict.add("I8", _all_kept(row, stages.get(id_, [])))
    verdict.add("I4", _tiles(agent))
    verdict.add("I7", _outbox(agent))
    verdict.counts["incidents"] += len(incidents)
    verdict.counts["stages"] += sum(len(rows) for rows in stages.values())


def _one_ticket(row: Row, told: _Told) -> Iterator[str]:
    """Exactly one ticket names it, and it is the one that the agent was told."""
    id_ = row["incident_id"]
    here = told.incidents.get(id_, [])
    if len(here) != 1:
        yield f"{id_}: {len(here)} incidents at the desk"
    tickets = {one["ticket_id"] for one in here}
    if not tickets <= told.refs.keys():
        yield f"{id_}: its ticket is not there"
    if len(opened := told.openers.get(id_, [])) > 1:
        yield f"{id_}: {len(opened)} tickets were opened by it"
    opens = [one for one in told.stages.get(id_, []) if one["kind"] == "open"]
    if len(opens) != 1:
        yield f"{id_}: {len(opens)} openings in the tickets' histories"
    if row["ticket_ref"] is not None and row["ticket_ref"] not in told.refs.values():
        yield f"{id_}: the agent was told {row['ticket_ref']}, which is no ticket"


def _same_history(id_: str, mine: list[Row], told: _Told) -> Iterator[str]:
    """The same stages on both sides, applied in the order of their revs."""
    theirs = told.stages.get(id_, [])
    revs = [row["rev"] for row in theirs]
    if revs != sorted(set(revs)):
        yield f"{id_}: the desk applied the revs {revs}"
    bodies = {row["rev"]: json.loads(row["data"])["stage"] for row in theirs}
    for row in mine:
        if (id_, row["rev"]) in told.gaps:
            continue
        if row["rev"] not in bodies:
            yield f"{id_}: the desk lacks rev {row['rev']} ({row['kind']})"
        elif not _same(json.loads(row["body"]), bodies[row["rev"]]):
            yield f"{id_}: rev {row['rev']} is another at the desk"
        if sha256(row["body"]).hexdigest() != row["sha256"]:
            yield f"{id_}: rev {row['rev']} has another hash than its body"
    if extra := {*bodies} - {row["rev"] for row in mine}:
        yield f"{id_}: the desk has revs {sorted(extra)} that the agent has not"


def _same(mine: dict[str, Any], theirs: dict[str, Any]) -> bool:
    """Both have what the agent wrote; the desk's model may have defaults besides."""
    return all(theirs.get(key) == value for key, value in mine.items())


def _mailed(id_: str, mine: list[Row], told: _Told) -> Iterator[str]:
    """Every stage that is mailed has one row in the desk's outbox."""
    for row in mine:
        if row["kind"] not in MAILED or (id_, row["rev"]) in told.gaps:
            continue
        if (count := told.mails[id_, row["kind"], row["rev"]]) != 1:
            yield f"{id_}: {count} mail rows for {row['kind']} {row['rev']}"


def _all_kept(row: Row, mine: list[Row]) -> Iterator[str]:
    """No stage of an incident is gone, that of its recovery neither."""
    revs = [one["rev"] for one in mine]
    if revs != list(range(1, row["rev"] + 1)):
        yield f"{row['incident_id']}: rev is {row['rev']}, and the outbox has {revs}"
    ends = [one["kind"] for one in mine if one["kind"] in (*MAILED, "retire")]
    over = bool(ends) and ends[-1] in ("recover", "retire")
    if over != (row["recovered_us"] is not None):
        yield f"{row['incident_id']}: over in the outbox is {over}, in its row not"


def _tiles(agent: sqlite3.Connection) -> Iterator[str]:
    """A check's states follow on each other in time, without overlap, up to now."""
    last: dict[str, Row] = {}
    for row in agent.execute("SELECT * FROM check_change ORDER BY id"):
        if row["withdrawn_at_us"] is not None:
            continue
        before = last.get(row["check"])
        if before is not None and row["since_us"] < before["since_us"]:
            yield f"{row['check']}: {row['state']} begins before what it follows"
        if before is not None and row["state"] == before["state"]:
            yield f"{row['check']}: {row['state']} follows on itself"
        last[row["check"]] = row
    for row in _rows(agent, "check_state"):
        end = last.get(row["check"])
        if end is None or end["state"] != row["state"]:
            yield f"{row['check']}: is {row['state']}, which its changes do not say"
    until = 0
    for row in agent.execute("SELECT * FROM isolation ORDER BY since_us"):
        if row["since_us"] < until:
            yield f"isolation from {row['since_us']} begins in another one"
        until = row["until_us"] or (1 << 62)


def _outbox(agent: sqlite3.Connection) -> Iterator[str]:
    """Numbers without a gap, every stage acknowledged at the end."""
    for head in _rows(agent, "stream_head"):
        stream = head["stream"]
        if stream != "I":
            continue
        query = "SELECT seq, acked_us FROM outbox WHERE stream = ? ORDER BY seq"
        rows = agent.execute(query, (stream,)).fetchall()
        seqs = [row["seq"] for row in rows]
        last = head["head_seq"]
        if seqs and seqs != list(range(seqs[0], last + 1)):
            yield f"stream {stream}: gaps among {len(seqs)} rows up to {last}"
        if head["acked_seq"] != last:
            yield f"stream {stream}: {head['acked_seq']} of {last} acknowledged"
        waiting = sum(row["acked_us"] is None for row in rows)
        if waiting:
            yield f"stream {stream}: {waiting} rows wait"


def _ledger(agent: sqlite3.Connection, desk: sqlite3.Connection) -> Iterator[str]:
    """What the desk was told of services is what the agent has; no gap, no overlap.

    What the agent wrote at its very end may still wait.
    """
    rows = agent.execute("SELECT * FROM ledger_outbox ORDER BY seq").fetchall()
    seqs = [row["seq"] for row in rows]
    if seqs and seqs != list(range(seqs[0], seqs[-1] + 1)):
        yield f"the ledger has gaps among {len(seqs)} rows"
    there = {(row["seq"], row["sha256"]) for row in _rows(desk, "ledger")}
    last: dict[str, int] = {}
    for row in rows:
        if row["acked_us"] is not None and (row["seq"], row["sha256"]) not in there:
            yield f"the desk lacks the ledger's row {row['seq']}"
        if row["undone_seq"] is None:
            if row["since_us"] < last.get(row["service"], 0):
                yield f"{row['service']}: {row['state']} begins before what it follows"
            last[row["service"]] = row["since_us"]


def _strangers(desk: sqlite3.Connection, told: _Told, known: set[str]) -> Iterator[str]:
    """No ticket, and no incident, that no agent has; but the desk's own."""
    known = known | {
        row["incident_id"]
        for row in _rows(desk, "incident")
        if row["audience"] == "provider" and row["subject_key"].startswith(DESKS_OWN)
    }
    for id_ in told.incidents.keys() - known:
        yield f"the desk has incident {id_}, and no agent has"
    named = {
        row["ticket_id"]
        for row in desk.execute(
            f"SELECT ticket_id FROM ticket_event WHERE kind IN {KINDS}"
            " OR kind = 'moved'"
        )
    }
    for row in _rows(desk, "ticket"):
        id_ = row["incident_id"]
        if id_ is not None and (id_ not in known or row["ticket_id"] not in named):
            yield f"ticket {row['ref']} names no incident that an agent has"


def _own(row: Row) -> bool:
    """An incident of the desk's own, about an agent that is silent, say."""
    return bool(row["agent_id"] == "desk")


def _pairs(desk: sqlite3.Connection) -> Iterator[str]:
    """Two agents of a site that saw one subject bad at one time share its ticket."""
    rows = desk.execute(
        "SELECT a.incident_id AS one, b.incident_id AS other FROM incident a"
        " JOIN incident b ON b.tenant_id = a.tenant_id AND b.site_id = a.site_id"
        " AND b.subject_key = a.subject_key AND b.agent_id > a.agent_id"
        " WHERE a.ticket_id != b.ticket_id"
        " AND a.since_us < coalesce(b.ended_us, 1 << 62)"
        " AND b.since_us < coalesce(a.ended_us, 1 << 62)"
    )
    for row in rows:
        yield f"{row['one']} and {row['other']} are one outage, and have two tickets"


def _cursors(desk: sqlite3.Connection) -> Iterator[str]:
    """The desk has every number up to its cursor, once."""
    for cursor in _rows(desk, "stream_cursor"):
        key = tuple(cursor[name] for name in ("agent_id", "epoch", "stream"))
        query = (
            "SELECT seq FROM inbox WHERE agent_id = ? AND epoch = ? AND stream = ?"
            " ORDER BY seq"
        )
        seqs = [row["seq"] for row in desk.execute(query, key)]
        if seqs and seqs != list(range(seqs[0], cursor["last_seq"] + 1)):
            yield f"{key}: gaps among {len(seqs)} events up to {cursor['last_seq']}"
    if held := len(_rows(desk, "held_stage")):
        yield f"{held} stages wait for their predecessors"


def _leaks(desk: sqlite3.Connection, evidence: Evidence) -> Iterator[str]:
    """No tenant's word in another's rows or mails."""
    if not evidence.canaries:
        return
    mails = {row["tenant_id"]: row["mail"] for row in _rows(desk, "tenant")}
    tables = desk.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    for (name,) in tables.fetchall():
        for row in _rows(desk, name):
            if "tenant_id" not in row.keys():  # noqa: SIM118 - a row is no mapping
                break
            text = " ".join(str(value) for value in tuple(row))
            for tenant, canary in evidence.canaries.items():
                if canary in text and row["tenant_id"] != tenant:
                    yield f"{name}: a row of {row['tenant_id']} has {tenant}'s canary"
    for letter in evidence.letters:
        for tenant, canary in evidence.canaries.items():
            others = {mail for one, mail in mails.items() if one != tenant and mail}
            others -= {mails.get(tenant), mails.get("@provider")}
            if canary in letter.text and letter.recipient in others:
                yield f"{letter.message_id}: {tenant}'s canary to {letter.recipient}"


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    found = connection.execute("PRAGMA integrity_check").fetchone()[0]
    assert found == "ok", f"{path}: {found}"
    return connection


def _rows(connection: sqlite3.Connection, table: str) -> list[Row]:
    return connection.execute(f'SELECT * FROM "{table}"').fetchall()
