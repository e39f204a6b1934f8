"""A redundant system put into service and taken out again, as acts on a ticket."""

from pathlib import Path

from scudo_agent.desk.life import Move
from scudo_agent.desk.lifecycle import Status
from scudo_agent.desk.rights import Role
from scudo_agent.desk.store.scope import Scope
from support.crew import hand
from support.desk_scene import play
from support.desking import T0, Bench, contract, stage
from support.storms import subjects, text
from support.token_desk import program

COVERED = contract() | {"covers": ["redundant_system"]}


async def opened(b: Bench, brings: dict[str, object] = COVERED) -> str:
    agent = await b.agent(brings=brings)
    reply = await agent.send(stage())
    await b.desk.send_mails()
    return str(reply.json()["results"][0]["ticket"])


def test_it_stands_in_until_the_original_is_back(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        ref = await opened(b)
        tina = hand(b)
        assert "Metti in servizio" in await tina.page(f"/t/{ref}")
        await tina.do(ref, "redundant", on="yes", words="Usate il muletto")
        await b.desk.send_mails()
        assert subjects(b)[-1].endswith("– sistema ridondante")
        told = " ".join(text(b).split())
        assert "è entrato in servizio un sistema ridondante" in told
        assert "Usate il muletto" in told
        page = await tina.page(f"/t/{ref}")
        assert "Lo sostituisce un sistema ridondante da" in page
        assert "messo in servizio un sistema ridondante" in page
        again = await tina.do(ref, "redundant", on="yes")
        assert "è già così" in again.text
        assert again.status_code == 422
        # Resolved is one of two: the original is back, or a note that it stays.
        refused = await tina.do(ref, "resolve", words="Riparato")
        assert "oppure dite che resta" in refused.text
        await tina.do(ref, "resolve", words="Resta il muletto", redundant="yes")
        view = b.desk.store.views.ticket(Scope.of_staff(), ref)
        assert view is not None
        assert (view.line.status, view.line.redundant) == ("resolved", T0)
        await tina.do(ref, "close", words="Finito")
        await tina.do(ref, "redundant", on="", words="Tornato l'originale")
        view = b.desk.store.views.ticket(Scope.of_staff(), ref)
        assert view is not None
        assert (view.line.status, view.line.redundant) == ("closed", None)
        kinds = [one.kind for one in view.entries if one.kind == "redundant"]
        assert len(kinds) == 2
        await b.desk.send_mails()
        assert "è di nuovo a riposo" in " ".join(text(b).split())

    play(tmp_path, scene)


def test_only_where_the_contract_gives_one_and_by_programs_too(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        ref = await opened(b, contract())
        tina = hand(b)
        assert "Metti in servizio" not in await tina.page(f"/t/{ref}")
        none = await tina.do(ref, "redundant", on="yes")
        assert none.status_code == 422
        assert "il contratto non prevede" in none.text
        b.clock.forward(30)
        b.desk.store.contracts.put(COVERED, actor="desk")
        path, staff = f"/v1/desk/tickets/{ref}", program(b.desk.store, Role.TECHNICIAN)
        # The contract of the receipt counts, in the revision that was there then.
        reply = await b.client.post(
            f"{path}/redundant", json={"on": True}, headers=staff | {"If-Match": '"1"'}
        )
        assert reply.status_code == 409, reply.text
        # A loan stays all the same, where somebody says so.
        act = b.desk.store.acts.do
        stays = Move(to=Status.RESOLVED, words="Prestito", redundant=True)
        assert act(tina.person, ref, stays, version=1)
        shown = await b.client.get(path, headers=staff)
        assert shown.json()["redundant"] == "2026-11-23T09:42:20Z"
        theirs = program(b.desk.store, Role.REFERENT)
        asked = {"on": False, "words": "Tornato"}
        headers = {"If-Match": shown.headers["ETag"]}
        for who, status in ((theirs, 403), (staff, 200)):
            reply = await b.client.post(
                f"{path}/redundant", json=asked, headers=who | headers
            )
            assert reply.status_code == status, reply.text
        assert reply.json()["redundant"] is None
        last = reply.json()["history"][-1]
        assert last["text"] == "the original is back: redundant system out of service"

    play(tmp_path, scene)
