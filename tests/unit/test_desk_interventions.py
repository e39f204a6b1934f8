"""Mutes and pauses of agents at the desk: kept, shown, ended."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from scudo_agent.desk.store.interventions import InterventionLine
from scudo_agent.instant import HOUR, Instant, format_instant
from support.desk_scene import play
from support.desking import T0, Bench, Speaker, stage
from support.window_desk import SELF, SERVICES


def told(**changes: Any) -> dict[str, Any]:
    """A mute of the ERP for two hours, as an agent tells it."""
    return {
        "id": "0a1b2c3d",
        "kind": "mute",
        "scope": "service",
        "name": "erp",
        "since": format_instant(T0),
        "until": format_instant(Instant(T0 + 2 * HOUR)),
        "reason": "changing the disk",
        "actor": "anna",
        **changes,
    }


async def put(speaker: Speaker, *items: dict[str, Any]) -> httpx.Response:
    return await speaker.client.put(
        f"{SELF}/interventions",
        json={"interventions": list(items)},
        headers=speaker.headers,
    )


async def page(b: Bench, path: str) -> str:
    reply = await b.client.get(path, headers={"Accept-Language": "en"})
    assert reply.status_code == 200
    return reply.text


def test_what_is_muted_stands_on_every_page_until_it_ends(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        speaker = await b.agent()
        services = {"services": SERVICES}
        await b.client.put(f"{SELF}/services", json=services, headers=speaker.headers)
        assert (await speaker.send(stage())).status_code == 200
        await b.log_in()
        await b.client.get("/language/en")
        [ticket] = await speaker.tickets()
        paths = ("/", f"/t/{ticket['ref']}", "/maintenance")
        for path in paths:
            assert "changing the disk" not in await page(b, path)

        assert (await put(speaker, told())).status_code == 200
        for path in paths:
            html = await page(b, path)
            assert "changing the disk" in html
            assert "anna" in html
            assert "ERP" in html
            assert "measured and counted as ever" in html
        # The ticket's page shows what is about the ticket, the lists all of it.
        await put(speaker, told(name="crm"))
        shown = ["changing the disk" in await page(b, path) for path in paths]
        assert shown == [True, False, True]
        many = [told(id=f"{n:08}", name=f"s{n}") for n in range(8)]
        await put(speaker, *many)
        assert (await page(b, "/")).count("changing the disk") == 5
        assert "3 more things are muted or paused" in await page(b, "/")
        assert (await page(b, "/maintenance")).count("changing the disk") == 8
        await put(speaker, told())
        b.clock.forward(2 * 3600)
        for path in paths:
            assert "changing the disk" not in await page(b, path)

    play(tmp_path, scene)


def test_the_set_is_told_as_a_whole_and_kept_by_agent(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        one = await b.agent()
        other = await b.agent(customer="beta", name="beta-roma")
        pause = told(id="p", kind="pause", scope="target", name="sw1")
        await put(one, told(), pause)
        await put(other, told(name="crm"))

        def kept() -> list[tuple[str, str, str]]:
            lines = b.desk.store.interventions.lines(scope())
            return [(line.site_id, line.kind, line.name) for line in lines]

        assert kept() == [
            ("acme-milano", "mute", "erp"),
            ("acme-milano", "pause", "sw1"),
            ("beta-roma", "mute", "crm"),
        ]
        await put(one, pause)
        assert kept() == [
            ("acme-milano", "pause", "sw1"),
            ("beta-roma", "mute", "crm"),
        ]
        await put(one)
        assert kept() == [("beta-roma", "mute", "crm")]

    def scope() -> Any:
        from scudo_agent.desk.store.scope import Scope

        return Scope.of_staff()

    play(tmp_path, scene)


def test_what_cannot_be_kept_is_refused_whole(tmp_path: Path) -> None:
    bad = (
        [told(kind="hold")],
        [told(), told()],
        [told(until="tomorrow")],
        [told(name="")],
        [told(reason="a\x00b")],
    )

    async def scene(b: Bench) -> None:
        speaker = await b.agent()
        await put(speaker, told(reason="good"))
        for items in bad:
            assert (await put(speaker, *items)).status_code == 422
        await b.log_in()
        assert "good" in await page(b, "/maintenance")

    play(tmp_path, scene)


def test_of_two_agents_with_one_key_nothing_is_kept(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        speaker = await b.agent()
        for run in ("a", "b", "a", "a", "a"):
            b.clock.forward(30)
            await speaker.hello(run_id=run, mono_us=b.clock.at)
        assert (await put(speaker, told())).status_code == 409

    play(tmp_path, scene)


def line(scope: str, name: str) -> InterventionLine:
    return InterventionLine(
        tenant_id="acme",
        customer="ACME",
        site_id="acme-milano",
        zone="UTC",
        kind="mute",
        scope=scope,
        name=name,
        title={},
        since=T0,
        until=Instant(T0 + HOUR),
        reason="x",
        actor="anna",
    )


@pytest.mark.parametrize(
    ("scope", "name", "covers"),
    [
        ("service", "erp", True),
        ("service", "mail", True),  # taken along
        ("service", "crm", False),
        ("check", "sw1/ping", True),
        ("check", "sw1/pin", False),
        ("target", "sw1", True),
        ("target", "sw", False),
        ("target", "web", True),  # a member's
    ],
)
def test_which_tickets_it_is_about(scope: str, name: str, covers: bool) -> None:
    one = line(scope, name)
    assert one.covers("check:sw1/ping", ["service:mail", "erp"], ["web/http"]) is covers


def test_a_service_is_covered_by_its_subject_alone() -> None:
    assert line("service", "erp").covers("service:erp", [], [])
    assert not line("target", "erp").covers("service:erp", [], [])
    assert line("check", "sw1/disk").covers("warn:sw1/disk", [], [])
