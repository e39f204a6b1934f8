"""Which contract holds for a site, from which day on, to which day."""

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from scudo_agent.cli.main import main
from scudo_agent.desk.store import coverage
from scudo_agent.desk.store.coverage import Cover
from scudo_agent.desk.store.life_tables import site_contract
from scudo_agent.desk.store.migrate import migrate
from scudo_agent.desk.store.sqlite import SqliteDatabase
from scudo_agent.desk.store.tables import site as site_table
from scudo_agent.errors import InputError
from scudo_agent.instant import DAY, Instant, parse_instant
from support.desk_scene import play
from support.desking import T0, Bench, contract, site

WHERE = ("acme", "acme-milano")


def cover(name: str, since: str, until: str | None = None) -> Cover:
    return Cover(
        contract_id=name,
        since=date.fromisoformat(since),
        until=None if until is None else date.fromisoformat(until),
        actor="person:admin",
    )


def held(b: Bench) -> list[tuple[str, str, str | None]]:
    return [
        (one.contract_id, str(one.since), None if one.until is None else str(one.until))
        for one in b.desk.store.coverage.of(*WHERE).covers
    ]


def goes_by(b: Bench) -> str | None:
    with b.desk.store.database.read() as db:
        name: str | None = db.execute(select(site_table.c.contract_id)).scalar_one()
        return name


def test_a_site_file_begins_and_the_office_decides(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        store = b.desk.store
        b.desk.enrol_embedded(site(brings=contract("uno")))
        assert held(b) == [("uno", "2026-01-01", None)]
        for name in ("due", "tre"):
            store.contracts.put(contract(name), actor="desk")
        store.coverage.put(*WHERE, cover("due", "2026-11-25", "2026-12-31"))
        assert held(b) == [
            ("uno", "2026-01-01", "2026-11-24"),
            ("due", "2026-11-25", "2026-12-31"),
        ]
        assert goes_by(b) == "uno"
        b.clock.forward(2 * 86_400)
        assert store.coverage.settle_due() == (1, None)
        assert goes_by(b) == "due"
        # The site file says what it said: what the office wrote since then stays.
        b.desk.enrol_embedded(site(brings=contract("uno")))
        assert goes_by(b) == "due"
        # It says something else: that holds from today on, up to what is planned.
        store.coverage.put(*WHERE, cover("uno", "2027-01-01"))
        b.desk.enrol_embedded(site(names="tre"))
        assert held(b) == [
            ("uno", "2026-01-01", "2026-11-24"),
            ("tre", "2026-11-25", "2026-12-31"),
            ("uno", "2027-01-01", None),
        ]
        b.desk.enrol_embedded(site())
        assert goes_by(b) == "tre"

    play(tmp_path, scene)


def test_days_are_the_sites_own_and_what_is_over_is_over(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        b.desk.enrol_embedded(site(brings=contract("uno")))
        b.desk.store.coverage.put(*WHERE, cover("uno", "2026-01-01", "2026-11-23"))
        found = b.desk.store.coverage.of(*WHERE)
        midnight = parse_instant("2026-11-24T00:00:00+01:00")
        assert found.ended(Instant(midnight - 1)) is None
        over = found.ended(midnight)
        assert over is not None
        assert over.until == date(2026, 11, 23)
        assert found.at(midnight) is None
        # Agents go on with the contract that held last; before the first none did.
        assert not b.desk.store.coverage.settle_due()[0]
        assert goes_by(b) == "uno"
        assert found.ended(parse_instant("2025-11-24T00:00:00+01:00")) is None

    play(tmp_path, scene)


def test_what_is_refused(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        put = b.desk.store.coverage.put
        b.desk.enrol_embedded(site(brings=contract("uno")))
        with pytest.raises(InputError, match=r"no contract 'due'; it has uno"):
            put(*WHERE, cover("due", "2026-01-01"))
        with pytest.raises(InputError, match="acme/roma: the desk has no such site"):
            put("acme", "roma", cover("uno", "2026-01-01"))
        with pytest.raises(InputError, match="cannot end 2026-01-01"):
            put(*WHERE, cover("uno", "2026-02-01", "2026-01-01"))
        with pytest.raises(InputError, match="from 2026-01-01 on uno holds there"):
            put(*WHERE, cover("uno", "2025-01-01"))
        assert held(b) == [("uno", "2026-01-01", None)]

    play(tmp_path, scene)


def test_the_revision_that_the_desk_had_counts(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        b.desk.enrol_embedded(site(brings=contract("uno")))
        b.clock.forward(86_400)
        b.desk.enrol_embedded(site(brings=contract("uno", reopen="1h")))
        with b.desk.store.database.read() as db:
            revisions = [
                found.revision
                for days in (-400, 0, 1, 2)
                if (found := coverage.version_at(db, "uno", Instant(T0 + days * DAY)))
            ]
            assert revisions == [1, 1, 2, 2]
            assert coverage.promised(db, *WHERE, Instant(T0 - 400 * DAY)) is None
            held_now = coverage.promised(db, *WHERE, T0)
            assert held_now is not None
            assert held_now.revision == 1

    play(tmp_path, scene)


def test_sites_of_before_get_the_contract_that_they_name(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path)
    try:
        migrate(database, to="0011")
        with database.write() as db:
            for line in (
                "INSERT INTO tenant VALUES ('@provider','P','p@x','it',1,1)",
                "INSERT INTO tenant VALUES ('acme','ACME','a@x','it',1,1)",
                "INSERT INTO contract_version VALUES ('@provider','uno',1,'x',"
                """'{"id":"uno","year_start":"2026-02-01"}',1,'desk')""",
                "INSERT INTO site (tenant_id,site_id,timezone,contract_id,created_us,"
                "updated_us) VALUES ('acme','acme-milano','Europe/Rome','uno',"
                "86400000000,1)",
                "INSERT INTO site (tenant_id,site_id,timezone,created_us,updated_us)"
                " VALUES ('acme','acme-roma','Europe/Rome',1,1)",
            ):
                db.exec_driver_sql(line)
        migrate(database)
        with database.read() as db:
            rows = db.execute(select(site_contract)).all()
            assert [(r.site_id, r.contract_id, r.valid_from) for r in rows] == [
                ("acme-milano", "uno", "2026-02-01")
            ]
            assert coverage.covers_of(db, "acme", "acme-roma").covers == ()
        with database.write() as db:
            db.execute(insert(site_table), _another())
    finally:
        database.close()


def _another() -> dict[str, object]:
    return {
        "tenant_id": "acme",
        "site_id": "acme-bari",
        "timezone": "Europe/Rome",
        "created_us": 1,
        "updated_us": 1,
    }


def test_the_office_says_it_by_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "uno.yaml").write_text(
        "id: uno\ntitle: Uno\nyear_start: 2026-01-01\n"
    )
    (tmp_path / "desk.yaml").write_text("state: desk\ncontracts: c\n")
    file = ["--settings", str(tmp_path / "desk.yaml")]
    new = ["--name", "ACME", "--mail", "it@acme.example", "--timezone", "Europe/Rome"]
    at = ["--at", "acme-milano", "--contract", "uno"]
    assert main(["desk", "customer", "add", "acme", *new, *at, *file]) == 0
    until = ["--from", "2026-01-01", "--until", "2026-06-30"]
    assert main(["desk", "customer", "contract", "acme", *at, *until, *file]) == 0
    told = capsys.readouterr().out
    assert "contract  uno, from 2026-01-01 until 2026-06-30" in told
    assert main(["desk", "customer", "contract", "acme", *at, *file]) == 2
    assert "required: --from" in capsys.readouterr().err
    wrong = ["--from", "1 June"]
    assert main(["desk", "customer", "contract", "acme", *at, *wrong, *file]) == 2
