"""The desk's pages: who gets in, and what stands there."""

import html
import math
import re
from pathlib import Path

import httpx
import pytest
from starlette.routing import Route

from scudo_agent.desk import auth
from scudo_agent.desk.mail.transport import TransportError
from support.desk_scene import play
from support.desking import OTHER, Bench, evidence, site, stage

PROBES = {"/-/healthy", "/-/ready"}
OPEN_TO_ALL = PROBES | {
    "/v1/openapi.json",
    "/static/{name}",
    "/in/{code}",
    "/out",
    "/language/{language}",
}
OPEN_TO_ALL |= {"/login", "/forgot", "/invited/{token}", "/reset/{token}"}
OPEN_TO_ALL |= {"/called/{number}/{token}"}  # its token is the credential: rights.csv
OPEN_TO_ALL |= {"/v1/join", "/v1/ca"}
OPEN_TO_ALL |= {"/metrics"}  # from this machine only: test_desk_metrics.py
"""Whoever joins has no key yet: the invitation in the body is the credential."""
CANARY = "canary-7f3k"


def routes(b: Bench) -> list[tuple[str, str]]:
    """Every method and path that the application answers."""
    app = b.desk.asgi._app  # type: ignore[attr-defined]
    found: list[tuple[str, str]] = []
    todo = list(app.routes)
    while todo:
        route = todo.pop()
        inner = getattr(route, "routes", None) or getattr(
            getattr(route, "original_router", None), "routes", None
        )
        if inner:
            todo += inner
        elif isinstance(route, Route):
            found += [(m, route.path) for m in sorted(route.methods or ())]
    return found


@pytest.mark.rights
def test_every_route_refuses_whoever_has_no_credential(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        found = routes(b)
        paths = {path for _, path in found}
        assert {"/", "/t/{ref}", "/v1/agents/self/hello"} <= paths
        for method, path in found:
            if path in OPEN_TO_ALL:
                continue
            real = path.replace("{ref}", ref).replace("{stream}", "I")
            for headers in ({}, {"Authorization": "Bearer wrong"}):
                reply = await b.client.request(method, real, headers=headers)
                assert reply.status_code in (401, 404, 422), (method, path)
                if reply.status_code == 422:
                    pytest.fail(f"{method} {path} reads a body of nobody known")
                assert "Gestionale" not in reply.text

    play(tmp_path, scene)


@pytest.mark.rights
def test_no_agent_sees_anything_of_another_customer(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        ours = await b.agent()
        title = {"id": CANARY, "title": {"it": CANARY, "en": CANARY}}
        reply = await ours.send(
            stage(subject=title, members=[evidence(f"{CANARY}/web")])
        )
        ref = reply.json()["results"][0]["ticket"]
        theirs = await b.agent(customer="evil", name="evil-site")
        await theirs.send(
            stage(1, 1, incident_id=OTHER, previous=stage().incident_id),
        )
        seen = []
        for path in ("", f"/{ref}", f"/{ref.lower()}", "?condition=bad&limit=500"):
            reply = await b.client.get(
                f"/v1/agents/self/tickets{path}", headers=theirs.headers
            )
            seen.append(reply.text)
        for one in await theirs.tickets():
            reply = await b.client.get(
                f"/v1/agents/self/tickets/{one['ref']}", headers=theirs.headers
            )
            seen.append(reply.text)
        assert not any(CANARY in text or ref in text for text in seen)
        await b.desk.send_mails()
        for recipient, data in b.mails.mails:
            if recipient == "it@evil.example":
                assert CANARY.encode() not in data
                assert ref.encode() not in data

    play(tmp_path, scene)


def test_a_login_link_works_once(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        path = b.desk.login_link().removeprefix(b.desk.url)
        assert (await b.client.head(path)).status_code == 204
        reply = await b.client.get(path)
        assert (reply.status_code, reply.headers["location"]) == (303, "/")
        cookie = reply.headers["set-cookie"]
        for part in ("HttpOnly", "SameSite=lax", "Secure", "Path=/"):
            assert part in cookie
        assert (await b.client.get("/")).status_code == 200
        b.client.cookies.clear()
        assert (await b.client.get(path)).status_code == 404
        assert (await b.client.get("/")).status_code == 401

    play(tmp_path, scene)


def test_a_code_may_be_typed_as_people_type(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        code = b.desk.login_link().rpartition("/")[2]
        typed = code.lower().replace("-", "")
        assert (await b.client.get(f"/in/{typed}")).status_code == 303

    play(tmp_path, scene)


def test_an_hour_later_the_link_is_void(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        path = b.desk.login_link().removeprefix(b.desk.url)
        b.clock.forward(3601)
        assert (await b.client.get(path)).status_code == 404

    play(tmp_path, scene)


def test_guessing_codes_is_stopped_and_forgiven_after_a_minute(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        for _ in range(auth.GUESSES):
            assert (await b.client.get("/in/AAAA-AAAA")).status_code == 404
        good = b.desk.login_link().removeprefix(b.desk.url)
        assert (await b.client.get(good)).status_code == 429
        b.clock.forward(61)
        assert (await b.client.get(good)).status_code == 303

    play(tmp_path, scene)


def test_who_guesses_locks_nobody_else_out(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        good = b.desk.login_link().removeprefix(b.desk.url)
        other = httpx.ASGITransport(b.desk.asgi, client=("192.0.2.66", 4711))
        async with httpx.AsyncClient(transport=other, base_url=b.desk.url) as stranger:
            for _ in range(auth.GUESSES):
                assert (await stranger.get("/in/AAAAA-AAAAA")).status_code == 404
            assert (await stranger.get(good)).status_code == 429
        assert (await b.client.get(good)).status_code == 303

    play(tmp_path, scene)


def test_guesses_from_everywhere_have_a_cap_too() -> None:
    guesses = auth.Guesses()
    taken = [guesses.take(f"192.0.2.{n % 250}", n) for n in range(1000)]
    assert sum(taken) == auth.GUESSES_OF_ALL
    assert not guesses.take("198.51.100.1", 1000)
    assert guesses.take("198.51.100.1", 1000 + auth.GUESS_SPAN_US)


def test_right_codes_are_no_guesses() -> None:
    guesses = auth.Guesses()
    for n in range(3 * auth.GUESSES):
        assert guesses.take("192.0.2.1", n)
        guesses.right("192.0.2.1", n)


def test_a_code_has_49_random_bits_and_can_be_read_aloud() -> None:
    codes = {auth.new_code() for _ in range(200)}
    assert len(codes) == 200
    signs = set("".join(codes)) - {"-"}
    assert all(re.fullmatch(r"[0-9A-Z]{5}-[0-9A-Z]{5}", code) for code in codes)
    assert 10 * math.log2(len(signs)) > 48
    assert not signs & set("01OILU")


def test_a_session_ends_by_logging_out_and_by_itself(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await b.log_in()
        session = b.client.cookies["scudo_session"]
        foreign = {"Sec-Fetch-Site": "cross-site"}
        await b.client.post("/out", headers=foreign)
        b.client.cookies.set("scudo_session", session)
        assert (await b.client.get("/")).status_code == 200
        await b.client.post("/out", headers={"Origin": "https://desk.example"})
        b.client.cookies.set("scudo_session", session)
        assert (await b.client.get("/")).status_code == 401
        b.client.cookies.clear()
        await b.log_in()
        b.clock.forward(13 * 3600)
        assert (await b.client.get("/")).status_code == 401

    play(tmp_path, scene)


def test_the_queue_shows_the_gravest_first_and_what_is_over_last(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await b.log_in()
        third = OTHER[:-1] + "3"
        await agent.send(
            stage(1, 1, incident_id=third, subject_key="check:a/b"),
            stage(2, 2, "recover", incident_id=third, subject_key="check:a/b"),
            stage(3, 1, incident_id=OTHER, severity=3, rule="S4", subject_key="warn:c"),
            stage(4, 1),
        )
        refs = {t["severity"]: t["ref"] for t in await agent.tickets()}
        over = next(
            t["ref"] for t in await agent.tickets() if t["condition"] == "recovered"
        )
        bad = next(
            t["ref"]
            for t in await agent.tickets()
            if t["condition"] == "bad" and t["severity"] == 1
        )
        text = (await b.client.get("/")).text
        order = [text.index(ref) for ref in (bad, refs[3], over)]
        assert order == sorted(order)

    play(tmp_path, scene)


def test_a_ticket_shows_evidence_rule_and_history(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        await b.desk.send_mails()
        b.mails.faults = [TransportError("451 later")]
        await agent.send(stage(2, 2, "recover"))
        await b.desk.send_mails()
        await b.log_in()
        await b.client.get("/language/en")
        text = html.unescape((await b.client.get(f"/t/{ref.lower()}")).text)
        for words in (
            "ERP down",
            "https://erp.example/login",
            "answered 503 in 3 ms",
            "status 200",
            "curl -i https://erp.example/login",
            "1 – H, blocking: a contracted service is down",
            "10:41:50",
            "first failure",
            "opened (S1)",
            "mail accepted",
            "recovered, dated 10:42:10: down 20 s",
            "451 later",
        ):
            assert words in text, words

    play(tmp_path, scene)


def test_what_a_device_says_is_only_text(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        evil = "<script>alert(1)</script>"
        member = evidence() | {
            "endpoint": evil,
            "reproduce": evil,
            "seen": {"id": "said {what}", "values": {"what": evil}},
        }
        reply = await agent.send(
            stage(members=[member], subject={"id": evil, "title": {"it": evil}})
        )
        await b.log_in()
        for path in ("/", f"/t/{reply.json()['results'][0]['ticket']}"):
            text = (await b.client.get(path)).text
            assert "<script" not in text
            assert "&lt;script&gt;" in text

    play(tmp_path, scene)


def test_the_reader_chooses_the_language_and_stays_on_the_page(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await b.log_in()
        assert 'lang="it"' in (await b.client.get("/")).text
        reply = await b.client.get("/language/en?back=/t/SC-0000-0000")
        assert reply.headers["location"] == "/t/SC-0000-0000"
        assert 'lang="en"' in (await b.client.get("/")).text
        for away in ("//evil.example", "https://evil.example", "/\\evil.example"):
            reply = await b.client.get("/language/it", params={"back": away})
            assert reply.headers["location"] == "/"
        assert (await b.client.get("/language/xx")).status_code == 404

    play(tmp_path, scene)


def test_a_time_of_another_day_says_which(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage())
        for days, words in ((0, ">10:41:50<"), (2, ">lun 23 nov, 10:41:50<")):
            b.clock.forward(days * 86_400)
            await b.log_in()
            assert words in (await b.client.get("/")).text
        b.clock.forward(60 * 86_400)
        await b.log_in()
        assert "23 nov 2026, 10:41:50<" in (await b.client.get("/")).text

    play(tmp_path, scene)


def test_pages_forbid_what_they_do_not_need(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await b.log_in()
        reply = await b.client.get("/")
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "unsafe" not in policy
        assert reply.headers["cache-control"] == "no-store"
        assert "style=" not in reply.text
        assert "<script" not in reply.text

    play(tmp_path, scene)


def test_a_page_that_is_not_there_is_a_page_and_a_route_a_problem(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        await b.log_in()
        for path in ("/nowhere", "/t/SC-0000-0000", "/static/none"):
            reply = await b.client.get(path)
            assert reply.status_code == 404
            assert reply.headers["content-type"].startswith("text/html")
        reply = await b.client.get("/v1/nowhere")
        assert reply.headers["content-type"] == "application/problem+json"
        assert (await b.client.get("/-/healthy")).text == "healthy\n"
        assert (await b.client.get("/-/ready")).text == "ready\n"

    play(tmp_path, scene)


def test_enrolling_again_keeps_the_key_and_renews_the_facts(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        key = b.desk.enrol_embedded(site())
        assert b.desk.enrol_embedded(site(language="en"), key=key) == key
        other = b.desk.enrol_embedded(site())
        assert other != key
        for one, status in ((key, 401), (other, 200)):
            reply = await b.client.get(
                "/v1/agents/self/tickets", headers={"Authorization": f"Bearer {one}"}
            )
            assert reply.status_code == status

    play(tmp_path, scene)


def test_a_ticket_that_recovered_and_came_back(tmp_path: Path) -> None:
    up = evidence() | {"state": "up"}
    again = evidence() | {"since": "2026-11-23T09:50:00Z"}

    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage(), stage(2, 2, "recover", members=[up]))
        (line,) = await agent.tickets()
        await b.log_in()
        page = (await b.client.get(f"/t/{line['ref']}")).text
        assert "erp.example/login" in page
        assert "invece di" not in page
        await agent.send(stage(3, 3, "reopen", members=[again]))
        page = (await b.client.get(f"/t/{line['ref']}")).text
        assert "invece di" in page
        assert "di nuovo in errore dalle 10:50:00" in html.unescape(page), page

    play(tmp_path, scene)
