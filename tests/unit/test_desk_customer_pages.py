"""The pages of customers: who reads them, and a contract's days written there."""

from pathlib import Path

from support.desk_scene import play
from support.desking import Bench, contract, site


async def _customer(b: Bench) -> None:
    b.desk.enrol_embedded(site(brings=contract("prova")))
    b.desk.store.contracts.put(contract("nuovo"), actor="desk")
    await b.log_in()


def _form(**fields: str) -> dict[str, str]:
    return {"site": "acme-milano", "contract": "nuovo"} | fields


OWN = {"Origin": "https://desk.example"}


def test_the_list_leads_to_the_customer_with_its_contract(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        empty = await b.client.get("/customers")
        assert empty.status_code == 401
        await b.log_in()
        assert "desk customer add" in (await b.client.get("/customers")).text
        await _customer(b)
        page = (await b.client.get("/customers")).text
        assert 'href="/customers/acme"' in page
        assert "acme-milano" in page
        one = (await b.client.get("/customers/acme")).text
        assert "prova" in one
        assert "vale oggi" in one
        assert "mai sentito" in one
        assert (await b.client.get("/customers/nobody")).status_code == 404

    play(tmp_path, scene)


def test_a_contract_is_written_down_from_a_day_on(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await _customer(b)
        way = "/customers/acme/contract"
        form = _form(since="2027-01-01", until="2027-12-31")
        reply = await b.client.post(way, data=form, headers=OWN)
        assert reply.headers["location"] == "/customers/acme?done=1"
        page = (await b.client.get("/customers/acme")).text
        assert "dal 1 gennaio 2027 al 31 dicembre 2027" in page
        covers = b.desk.store.coverage.of("acme", "acme-milano").covers
        assert [one.contract_id for one in covers] == ["prova", "nuovo"]
        assert covers[1].actor == "person:admin"

    play(tmp_path, scene)


def test_what_cannot_be_is_said_and_what_was_typed_stays(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await _customer(b)
        wrong = {
            "Dite da quale giorno": {"since": ""},
            "Questo giorno non esiste": {"since": "2027-02-30"},
            "prima di cominciare": {"since": "2027-02-01", "until": "2027-01-01"},
            "non ha questo contratto": {"since": "2027-02-01", "contract": "x"},
            "non ha questa sede": {"since": "2027-02-01", "site": "x"},
        }
        for words, fields in wrong.items():
            reply = await b.client.post(
                "/customers/acme/contract", data=_form(**fields), headers=OWN
            )
            assert reply.status_code == 422
            assert words in reply.text, words
            assert f'value="{fields["since"]}"' in reply.text
        assert len(b.desk.store.coverage.of("acme", "acme-milano").covers) == 1

    play(tmp_path, scene)


def test_another_sites_page_cannot_send_the_form(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await _customer(b)
        foreign = {"Sec-Fetch-Site": "cross-site"}
        form = _form(since="2027-01-01")
        reply = await b.client.post(
            "/customers/acme/contract", data=form, headers=foreign
        )
        assert reply.status_code == 403
        assert len(b.desk.store.coverage.of("acme", "acme-milano").covers) == 1

    play(tmp_path, scene)
