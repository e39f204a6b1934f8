"""Statements by mail: once a month, once a revision, over kills and copies put back."""

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from scudo_agent.contract.exact import loads
from scudo_agent.desk.jobs import MailWorker
from scudo_agent.desk.mail.compose import Enclosure, Letter, compose
from scudo_agent.desk.mail.journal import FILE, KEPT_US, Journal
from scudo_agent.desk.mail.transport import TransportError
from scudo_agent.desk.store import statement_post
from scudo_agent.desk.store.agents import Enrolment
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.post import Posting
from scudo_agent.instant import DAY, HOUR, SECOND, Instant, parse_instant
from scudo_agent.model import State
from scudo_agent.store.agent_store import AgentStore
from scudo_agent.wire import SiteService
from support.desking import Outbound, contract, settings, site
from support.ledgers import ERP, Desk, change, commit
from support.storing import T0, StoppedClock, opened
from support.window_desk import parsed, plain

MARCH = parse_instant("2026-03-31T22:00:00Z")
"""The end of March in Rome."""
MONTHLY = {"statement": {"mail": "monthly"}}
ERP_NAMED = SiteService(id="erp", title={"it": "Gestionale", "en": "ERP"})


class Month:
    """A desk whose contract has statements mailed; the ERP was down on 10 March."""

    def __init__(self, folder: Path, *, language: str = "it") -> None:
        self.folder, self.language = folder, language
        self.clock = StoppedClock()
        self.agent: AgentStore = opened(folder / "agent", self.clock)
        self.agent.follow([ERP]).result()
        self.desk = Desk(folder / "desk")
        self.outbound = Outbound()
        self.enrol(contract() | MONTHLY)
        self.to(0, State.UP)
        self.to(9 * 86_400, State.DOWN)
        self.to(9 * 86_400 + 3_600, State.UP)

    def enrol(self, brings: dict[str, Any]) -> None:
        """The site, with this version of its contract."""
        given = Enrolment.of(site(brings=brings, language=self.language))
        rest = {n: getattr(given, n) for n in given.__slots__ if n != "services"}
        enrolment = Enrolment(**rest, services=(ERP_NAMED,))
        self.desk.store.agents.enrol(enrolment, key_sha256="k")

    def to(self, second: int, state: State) -> None:
        """Both checks of the ERP change."""
        commit(self.agent, change("a/1", state, second), change("b/1", state, second))

    def at(self, instant: int) -> None:
        """It is so late, and the agent has told everything."""
        self.desk.clock.at = int(instant)
        self.desk.settle(self.agent)

    def due(self) -> int:
        """What the desk's round makes now."""
        return self.desk.store.statements.mail_due()[0]

    def send(self) -> list[EmailMessage]:
        """Send what is due; the mails that were taken by this."""
        had = len(self.outbound.mails)
        worker = MailWorker(
            self.desk.store,
            self.outbound,
            settings(self.folder),
            url=lambda: "https://desk.example",
            rng=random.Random(1),
        )
        asyncio.run(worker.drain())
        return [parsed(data) for _, data in self.outbound.mails[had:]]

    def reopen(self) -> None:
        """The desk is killed and started again."""
        self.desk.store.close()
        posting = Posting(message_host="desk.example", provider_mail="noc@desk.example")
        self.desk.store = DeskStore(
            self.folder / "desk", clock=self.desk.clock, posting=posting
        )

    def close(self) -> None:
        """Close both stores."""
        self.agent.close()
        self.desk.store.close()


@pytest.fixture
def month(tmp_path: Path) -> Iterator[Month]:
    made = Month(tmp_path)
    yield made
    made.close()


def test_a_month_is_mailed_once_when_it_is_over_and_told(month: Month) -> None:
    month.at(MARCH - HOUR)
    assert month.due() == 0
    month.at(MARCH + HOUR - SECOND)
    assert month.due() == 0
    month.at(MARCH + HOUR)
    assert month.due() == 1
    assert month.due() == 0
    [mail] = month.send()
    assert month.outbound.mails[0][0] == "it@acme.example"
    assert mail["Subject"] == ("Rendiconto di marzo 2026: Contratto prova, acme-milano")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Content-Language"] == "it"
    text = " ".join(plain(mail).split())
    assert text.startswith(
        "Buongiorno, questo è il rendiconto di marzo 2026 del contratto Contratto "
        "prova. Gestionale nel mese: disponibilità 99,8633 % del tempo che "
        "conta; blocco conteggiato: 1 h; non misurato: 11 h nell'anno: promesso 99 %: "
    )
    assert len(plain(mail).splitlines()) < 25  # one screen
    month.at(MARCH + 20 * DAY)
    assert (month.due(), month.send()) == (0, [])


def test_page_and_data_go_along_and_verify(month: Month) -> None:
    month.at(MARCH + HOUR)
    month.due()
    [mail] = month.send()
    page, data = mail.iter_attachments()
    assert page.get_filename() == "statement-2026-03-acme-milano-1.html"
    assert "<h1>Contratto prova</h1>" in page.get_content()
    kept = month.desk.store.statements.get(month.desk.who, "2026-03")
    assert kept.mailed
    assert data.get_content_type() == "application/json"
    assert data.get_content() == kept.body


def test_an_agent_that_is_offline_is_waited_for_and_the_mail_says_so(
    tmp_path: Path,
) -> None:
    month = Month(tmp_path, language="en")
    try:
        month.at(MARCH - HOUR)
        for late in (2 * HOUR, DAY, 3 * DAY - SECOND):
            month.desk.clock.at = MARCH + late
            assert month.due() == 0
        month.desk.clock.at = MARCH + 3 * DAY
        assert month.due() == 1
        [mail] = month.send()
        assert mail["Subject"] == (
            "Statement of March 2026: Contratto prova, acme-milano"
        )
        text = " ".join(plain(mail).split())
        assert "The agent at your site has not told us everything" in text
        assert "12 h not measured" in text
    finally:
        month.close()


def test_a_month_that_is_waited_for_costs_no_writing(
    month: Month, monkeypatch: pytest.MonkeyPatch
) -> None:
    month.at(MARCH - HOUR)
    month.desk.clock.at = int(MARCH + 2 * HOUR)

    def write() -> object:
        raise AssertionError("the writer was taken")

    with monkeypatch.context() as patched:
        patched.setattr(month.desk.store.database, "write", write)
        assert month.due() == 0
    month.desk.clock.at = int(MARCH + 4 * DAY)
    assert month.due() == 1


def test_a_correction_is_another_mail_that_says_what_changed(month: Month) -> None:
    month.at(MARCH + HOUR)
    month.due()
    [first] = month.send()
    month.to(20 * 86_400, State.DOWN)
    month.to(20 * 86_400 + 60, State.UP)
    month.at(MARCH + 2 * DAY)
    correct, who = month.desk.store.statements.correct, month.desk.who
    correct(who, "2026-03", by="Anna", reason="l'agente era offline")
    correct(who, "2026-03", by="Anna", reason="di nuovo")  # nothing new: no mail
    [mail] = month.send()
    assert mail["In-Reply-To"] == mail["References"] == first["Message-ID"]
    assert mail["Message-ID"] != first["Message-ID"]
    assert mail["Subject"] == (
        "Rendiconto corretto di marzo 2026: Contratto prova, acme-milano"
    )
    text = plain(mail)
    assert "revisione 2" in text
    assert "Perché: l'agente era offline (Anna)." in text
    assert "Gestionale, blocco conteggiato nel mese: 1 h → 1 h 1 min" in text
    assert "Sono cambiate altre" in text


def test_only_months_since_the_contract_says_so_are_mailed(tmp_path: Path) -> None:
    month = Month(tmp_path)
    try:
        month.enrol(contract())  # nobody wants them for a while
        month.at(MARCH + HOUR)
        assert month.due() == 0
        get, who = month.desk.store.statements.get, month.desk.who
        assert not get(who, "2026-03").mailed
        month.enrol(contract() | MONTHLY | {"title": "Contratto nuovo"})
        april = parse_instant("2026-04-30T22:00:00Z")
        month.at(april + HOUR)
        assert month.due() == 1
        assert [one["Subject"] for one in month.send()] == [
            "Rendiconto di aprile 2026: Contratto nuovo, acme-milano"
        ]
        assert not get(who, "2026-03").mailed
        month.at(parse_instant("2027-03-01T00:00:00Z"))
        assert not get(who, "2026").mailed  # years are for who asks
    finally:
        month.close()


def test_a_desk_that_was_stopped_for_three_months_mails_three(month: Month) -> None:
    month.at(parse_instant("2026-06-10T00:00:00Z"))
    month.reopen()
    assert month.due() == 3
    subjects = [one["Subject"] for one in month.send()]
    assert [one.split(":")[0] for one in subjects] == [
        "Rendiconto di marzo 2026",
        "Rendiconto di aprile 2026",
        "Rendiconto di maggio 2026",
    ]


def test_who_asks_for_it_before_the_round_has_it_mailed_once(month: Month) -> None:
    month.at(MARCH + HOUR)
    assert month.desk.store.statements.get(month.desk.who, "2026-03").mailed
    assert month.due() == 0
    assert len(month.send()) == 1


def test_a_site_that_nobody_ever_measured_gets_none(tmp_path: Path) -> None:
    month = Month(tmp_path)
    try:
        month.desk.clock.at = MARCH + 4 * DAY
        assert month.due() == 0
    finally:
        month.close()


def test_revision_and_mail_are_one_transaction(
    month: Month, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A desk that dies between the two has neither, and makes both again."""
    month.at(MARCH + HOUR)

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(statement_post, "insert", dies)
        with pytest.raises(KeyboardInterrupt):
            month.due()
    assert month.desk.store.statements.of_site(month.desk.who) == []
    month.reopen()
    assert (month.due(), month.due()) == (1, 0)
    month.reopen()
    assert (month.due(), len(month.send())) == (0, 1)


def test_a_desk_put_back_from_a_copy_states_the_same_and_mails_nothing_again(
    month: Month,
) -> None:
    month.at(MARCH - HOUR)
    month.desk.store.close()
    shutil.copy(month.folder / "desk" / "desk.db", month.folder / "yesterday.db")
    month.reopen()
    month.at(MARCH + HOUR)
    month.due()
    [first] = month.send()
    stated = month.desk.store.statements.get(month.desk.who, "2026-03")
    month.desk.store.close()
    for one in (month.folder / "desk").glob("desk.db-*"):
        one.unlink()
    shutil.copy(month.folder / "yesterday.db", month.folder / "desk" / "desk.db")
    month.reopen()
    month.at(MARCH + 5 * HOUR)
    assert month.due() == 1
    again = month.desk.store.statements.get(month.desk.who, "2026-03")
    assert again.body == stated.body
    assert month.send() == []
    query = "SELECT message_id, state FROM mail_outbox WHERE kind = 'statement'"
    with sqlite3.connect(month.folder / "desk" / "desk.db") as db:
        assert db.execute(query).fetchall() == [(first["Message-ID"], "sent")]
    db.close()


def test_a_server_that_is_away_gets_the_same_mail_later(month: Month) -> None:
    month.at(MARCH + HOUR)
    month.due()
    month.outbound.faults.append(TransportError("greylisted", permanent=False))
    assert month.send() == []
    month.desk.clock.forward(60)
    [mail] = month.send()
    assert mail["Message-ID"].startswith("<statement.acme-milano.2026-03.1.")


def test_the_journal_survives_half_a_line_and_forgets_after_a_year(
    tmp_path: Path,
) -> None:
    journal = Journal(tmp_path)
    assert not journal.has("<a@b>")
    journal.note("<a@b>", T0)
    with (tmp_path / FILE).open("a") as file:
        file.write("\n2026-11-22T00:00:00Z <half")
    journal.note("<c@d>", Instant(T0 + DAY))
    assert journal.has("<a@b>")
    assert journal.has("<c@d>")
    assert not journal.has("<half")
    journal.trim(Instant(T0 + KEPT_US))
    assert not journal.has("<a@b>")
    assert journal.has("<c@d>")


def test_a_file_beside_a_mail_opens_no_header() -> None:
    letter = Letter(
        sender="desk@provider.example",
        sender_name="Desk",
        recipient="it@acme.example",
        subject="S",
        text="t",
        html="<p>t</p>",
        message_id="<a@b.example>",
        in_reply_to=None,
        date=T0,
        language="it",
        enclosures=(Enclosure(name="s.json", kind="json", content=b'{"a": 1}'),),
    )
    [part] = parsed(compose(letter)).iter_attachments()
    assert loads(part.get_content()) == {"a": 1}


def test_a_site_that_cannot_be_stated_holds_up_no_other(
    month: Month, caplog: pytest.LogCaptureFixture
) -> None:
    month.at(MARCH + 4 * DAY)
    given = Enrolment.of(site("zeta", "zeta-roma", brings=contract() | MONTHLY))
    rest = {n: getattr(given, n) for n in given.__slots__ if n != "services"}
    store = month.desk.store
    store.agents.enrol(Enrolment(**rest, services=(ERP_NAMED,)), key_sha256="z")
    with store.database.write() as db:
        columns = "epoch, seq, service, since_us, decided_us, sha256, stored_us"
        db.exec_driver_sql(
            "INSERT INTO ledger (tenant_id, site_id, agent_id, state, " + columns + ")"
            " SELECT 'zeta', 'zeta-roma', 'zeta/zeta-roma/1', state, " + columns +
            " FROM ledger"
        )  # fmt: skip
        db.exec_driver_sql("UPDATE site SET created_us = 0")
        # As no desk writes it: what is in a file may be anything.
        db.exec_driver_sql("UPDATE ledger SET state = 'x' WHERE tenant_id = 'acme'")
    for _ in range(2):
        store.statements.mail_due()
    with store.database.read() as db:
        made = db.exec_driver_sql("SELECT tenant_id, period FROM statement").all()
    assert made == [("zeta", "2026-03")]
    told = [one for one in caplog.records if "no statement of" in one.message]
    assert len(told) == 1
