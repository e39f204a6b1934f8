"""A site's contract in plain words: for its referents, on a page and as a text."""

from pathlib import Path

from scudo_agent.desk.rights import Role
from support.crew import hand
from support.desk_scene import play
from support.desking import Bench, contract

PAGE = "/contracts/acme/acme-milano"


def test_a_referent_reads_and_keeps_the_contract(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent(brings=contract())
        await agent.hello()
        who = hand(b, Role.REFERENT, "Referente Acme", tenant="acme")
        page = await who.page(PAGE)
        assert "<h1>Contratto prova</h1>" in page
        assert "lunedì–venerdì" in page or "lun" in page
        assert "Natale" in page
        assert f'href="{PAGE}/summary.txt"' in page
        kept = await who.client.get(f"{PAGE}/summary.txt")
        assert kept.headers["content-type"] == "text/plain; charset=utf-8"
        assert "acme-acme-milano.txt" in kept.headers["content-disposition"]
        for line in ("Contratto prova", "ACME S.p.A. · acme-milano"):
            assert line in kept.text.splitlines()
        assert f'href="{PAGE}"' in await who.page("/overview")

    play(tmp_path, scene)


def test_where_there_is_no_contract_there_is_no_page(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await b.agent()
        who = hand(b, Role.REFERENT, "Referente Acme", tenant="acme")
        assert (await who.client.get(PAGE)).status_code == 404
        assert (await who.client.get("/contracts/acme/none")).status_code == 404

    play(tmp_path, scene)
