"""Getting in with a password, links by mail, one's own page: and what stops a thief."""

import asyncio
import html
import logging
import re
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from scudo_agent.desk import auth
from scudo_agent.desk.common_passwords import COMMON
from scudo_agent.desk.passwords import (
    AT_ONCE,
    WAITING,
    BusyError,
    Passwords,
    owasp,
    refusal,
)
from scudo_agent.desk.rights import Role
from scudo_agent.desk.store.people import ALL
from support.desk_scene import play
from support.desking import Bench, quick, site, stage
from support.people import OWN, PASSWORD, join_in, log_in, mailed, new_person
from support.people import security_kinds as kinds

MAIL = "admin@provider.example"


def test_hashes_are_as_costly_as_owasp_says() -> None:
    made = owasp()
    assert (made.memory_cost, made.time_cost, made.parallelism) == (19_456, 2, 1)
    assert made.hash("x").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_what_is_no_password() -> None:
    def why(password: str) -> str:
        text = refusal(password, mail="one.two@acme.example", name="Anna Bolena")
        return "" if text is None else text.id

    assert why(PASSWORD) == ""
    for short in ("", "123456789", "àèìòùéç89"):
        assert "at least" in why(short)
    assert "at most" in why("ab" * 101)
    for common in (*COMMON, "PassWord123", "ababababab", "aaaaaaaaaaaaa"):
        assert "first that" in why(common), common
    for own in ("x-one.two-xxx", "annaANNA77", "my acme.example", "bolena12345"):
        assert "your name" in why(own), own
    assert len(COMMON) == 100
    assert all(len(one) >= 10 for one in COMMON)


def test_a_hash_of_other_parameters_is_made_anew() -> None:
    async def scene() -> None:
        old = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)
        verdict = await quick().check(old.hash(PASSWORD), PASSWORD)
        assert verdict.right
        assert verdict.rehashed is not None
        again = await quick().check(verdict.rehashed, PASSWORD)
        assert (again.right, again.rehashed) == (True, None)
        assert not (await quick().check(None, "nobody's password")).right
        assert not (await quick().check("no hash", PASSWORD)).right

    asyncio.run(scene())


def test_signs_count_however_they_were_composed() -> None:
    async def scene() -> None:
        stored = await quick().hash("perch\u00e9 no 12")
        assert (await quick().check(stored, "perche\u0301 no 12")).right
        assert not (await quick().check(stored, "\ud800")).right

    asyncio.run(scene())


class Slow(PasswordHasher):
    """Counts how many are at work, and works until it is told."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.now, self.most = 0, 0

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.now += 1
        self.most = max(self.most, self.now)
        made = super().hash(password, salt=salt)
        self.now -= 1
        return made


def test_few_are_hashed_at_once_and_others_are_told_to_come_again() -> None:
    async def scene() -> None:
        hasher = Slow()
        passwords = Passwords(hasher)
        many = AT_ONCE + WAITING + 7
        done = await asyncio.gather(
            *(passwords.hash(PASSWORD) for _ in range(many)), return_exceptions=True
        )
        assert sum(isinstance(one, BusyError) for one in done) == 7
        assert hasher.most <= AT_ONCE
        assert isinstance(await passwords.hash(PASSWORD), str)

    asyncio.run(scene())


def test_the_way_in_from_the_invitation_to_the_page_that_was_wanted(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        b.desk.store.credentials.invite_new(
            new_person(Role.ADMIN, mail=MAIL), actor="x"
        )
        path = await mailed(b)
        assert path.startswith("/invited/")
        for _ in range(2):  # to look uses up nothing
            page = await b.client.get(path)
            assert page.status_code == 200
            assert MAIL in page.text
        form = {"name": "Uno", "password": "short", "again": "short"}
        refused = await b.client.post(path, data=form, headers=OWN)
        assert refused.status_code == 422
        assert 'value="Uno"' in refused.text
        form = {"name": "Uno", "password": PASSWORD, "again": PASSWORD + "x"}
        assert (await b.client.post(path, data=form, headers=OWN)).status_code == 422
        form["again"] = PASSWORD
        strange = {"Origin": "https://evil.example"}
        assert (
            await b.client.post(path, data=form, headers=strange)
        ).status_code == 403
        done = await b.client.post(path, data=form, headers=OWN)
        assert done.headers["location"] == "/login?done=password"
        assert (await b.client.post(path, data=form, headers=OWN)).status_code == 404
        assert (await b.client.get(path)).status_code == 404
        wanted = await b.client.get("/people?customer=acme")
        assert wanted.status_code == 401
        assert 'name="back" value="/people?customer=acme"' in wanted.text
        entered = await log_in(b, MAIL, back="/people?customer=acme")
        assert entered.headers["location"] == "/people?customer=acme"
        page = await b.client.get("/")
        assert "Uno" in page.text
        assert "Amministratore" in page.text

    play(tmp_path, scene)


def test_a_wrong_password_and_a_wrong_address_look_the_same(tmp_path: Path) -> None:
    """Threat 4: neither words nor events nor work done tell whether one is known."""

    async def scene(b: Bench) -> None:
        await join_in(b, Role.ADMIN, mail=MAIL)
        gone = await join_in(b, Role.MANAGER, mail="gone@provider.example")
        b.desk.store.people.disable(ALL, gone, actor="x")
        never = new_person(Role.MANAGER, mail="never@provider.example")
        b.desk.store.people.add(never, actor="x")
        checked: list[bool] = []
        check = b.desk.passwords._check

        def counted(stored: str | None, password: bytes) -> object:
            checked.append(True)
            return check(stored, password)

        b.desk.passwords._check = counted  # type: ignore[method-assign,assignment]
        texts = set()
        for mail in (MAIL, "gone@provider.example", never.mail, "nobody@x.example"):
            reply = await log_in(b, mail, "wrong password", back="/me")
            assert reply.status_code == 401
            assert f'value="{mail}"' in reply.text
            texts.add(reply.text.replace(mail, "MAIL"))
        assert len(texts) == 1
        assert len(checked) == 4
        assert (
            await log_in(b, gone_mail := "gone@provider.example")
        ).status_code == 401
        assert gone_mail

    play(tmp_path, scene)


def test_guessing_a_password_is_stopped_with_words_and_for_a_while(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        await join_in(b, Role.ADMIN, mail=MAIL)
        for _ in range(3 * auth.PASSWORDS_OF_ACCOUNT):  # a right one counts nothing
            assert (await log_in(b, MAIL)).status_code == 303
            b.client.cookies.clear()
        for _ in range(auth.PASSWORDS_OF_ACCOUNT):
            assert (await log_in(b, MAIL, "wrong password")).status_code == 401
        for password in ("wrong password", PASSWORD):
            reply = await log_in(b, MAIL, password)
            assert reply.status_code == 429
            assert reply.headers["retry-after"] == "900"
            assert "15 min" in html.unescape(reply.text)
        assert kinds(b)[-1:] == ["login_locked"]
        assert kinds(b).count("login_locked") == 1
        await join_in(b, Role.MANAGER, mail="other@provider.example")
        assert (await log_in(b, "other@provider.example")).status_code == 303
        b.client.cookies.clear()
        b.clock.forward(900)
        assert (await log_in(b, MAIL)).status_code == 303

    play(tmp_path, scene)


def test_who_guesses_for_many_accounts_is_stopped_too(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        for n in range(auth.PASSWORDS_OF_ADDRESS):
            assert (await log_in(b, f"{n}@x.example", "wrong")).status_code == 401
        assert (await log_in(b, "new@x.example", "wrong")).status_code == 429
        assert kinds(b) == ["login_locked"]

    play(tmp_path, scene)


def test_a_form_of_another_site_logs_nobody_in(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await join_in(b, Role.ADMIN, mail=MAIL)
        form = {"mail": MAIL, "password": PASSWORD}
        for headers in ({}, {"Sec-Fetch-Site": "cross-site"}):
            reply = await b.client.post("/login", data=form, headers=headers)
            assert reply.status_code == 403
        for back in ("//evil.example", "https://evil.example", "/a\r\nX-Y: z"):
            reply = await log_in(b, MAIL, back=back)
            assert reply.headers["location"] == "/"

    play(tmp_path, scene)


def test_a_forgotten_password_is_set_by_mail(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        who = await join_in(b, Role.ADMIN, mail=MAIL)
        await log_in(b, MAIL)
        session = b.client.cookies["scudo_session"]
        b.client.cookies.clear()
        assert (await b.client.get("/forgot")).status_code == 200
        answers = set()
        for mail in (MAIL, "nobody@x.example"):
            reply = await b.client.post("/forgot", data={"mail": mail}, headers=OWN)
            answers.add((reply.status_code, reply.text))
        assert len(answers) == 1
        path = await mailed(b)
        assert len(b.mails.mails) == 1
        assert path.startswith("/reset/")
        new = "another green horse"
        form = {"password": new, "again": new}
        assert (await b.client.post(path, data=form, headers=OWN)).status_code == 303
        assert (await log_in(b, MAIL)).status_code == 401
        b.client.cookies.set("scudo_session", session)
        assert (await b.client.get("/")).status_code == 401
        assert (await log_in(b, MAIL, new)).status_code == 303
        assert b.desk.store.people.names([who]) == {who: "Anybody Else"}
        assert kinds(b) == ["password_set", "reset_asked", "password_set"]

    play(tmp_path, scene)


def test_nobody_asks_for_links_without_end(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        for n in range(11):
            data = {"mail": f"{n}@x.example"}
            reply = await b.client.post("/forgot", data=data, headers=OWN)
            assert reply.status_code == (200 if n < 10 else 429)
        assert reply.headers["retry-after"] == "900"
        assert 'value="10@x.example"' in reply.text

    play(tmp_path, scene)


def test_ones_own_page(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        who = await join_in(b, Role.ADMIN, mail=MAIL)
        await log_in(b, MAIL)
        other = b.client.cookies["scudo_session"]
        b.client.cookies.clear()
        await log_in(b, MAIL)
        page = await b.client.get("/me")
        assert page.text.count("<li>") == 2
        form = {"name": "Due Tre", "language": "en"}
        assert (await b.client.post("/me/name", data=form, headers=OWN)).is_redirect
        assert b.desk.store.people.names([who]) == {who: "Due Tre"}
        assert "My page" in (await b.client.get("/me")).text
        for old, new, status in (
            ("wrong password", "another green horse", 422),
            (PASSWORD, "horse", 422),
            (PASSWORD, "another green horse", 303),
        ):
            form = {"old": old, "password": new, "again": new}
            reply = await b.client.post("/me/password", data=form, headers=OWN)
            assert reply.status_code == status
        assert b.desk.store.sessions.by_session(auth.fingerprint(other)) is None
        assert (await b.client.get("/me")).status_code == 200
        assert (await b.client.post("/me/none", headers=OWN)).status_code == 404

    play(tmp_path, scene)


def test_sessions_are_ended_one_by_one_and_only_ones_own(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await join_in(b, Role.ADMIN, mail=MAIL)
        await join_in(b, Role.MANAGER, mail="other@provider.example")
        await log_in(b, "other@provider.example")
        foreign = auth.fingerprint(b.client.cookies["scudo_session"])
        mine = []
        for _ in range(4):
            b.client.cookies.clear()
            await log_in(b, MAIL)
            mine.append(auth.fingerprint(b.client.cookies["scudo_session"]))
        lasts = b.desk.store.sessions.by_session
        for one in (foreign, mine[0]):
            form = {"name": one[:16]}
            await b.client.post("/me/sessions", data=form, headers=OWN)
        assert lasts(foreign) is not None
        assert [lasts(one) is not None for one in mine] == [False, True, True, True]
        await b.client.post("/me/sessions", data={}, headers=OWN)
        assert [lasts(one) is not None for one in mine] == [False, False, False, True]

    play(tmp_path, scene)


def test_the_administrator_by_link_has_no_password_here(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await b.log_in()
        page = await b.client.get("/me")
        assert page.status_code == 200
        assert 'name="password"' not in page.text
        for act in ("name", "password"):
            reply = await b.client.post(f"/me/{act}", data={"name": "x"}, headers=OWN)
            assert reply.status_code == 404

    play(tmp_path, scene)


def test_a_stranger_chooses_the_language_too(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        assert 'lang="it"' in (await b.client.get("/login")).text
        reply = await b.client.get("/language/en?back=/forgot")
        assert reply.headers["location"] == "/forgot"
        assert 'lang="en"' in (await b.client.get("/login")).text

    play(tmp_path, scene)


def test_no_password_and_no_token_stands_anywhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Threat 16: not in logs, and of the desk's files only in the mail itself."""
    caplog.set_level(logging.DEBUG)

    async def scene(b: Bench) -> None:
        b.desk.store.credentials.invite_new(
            new_person(Role.ADMIN, mail=MAIL), actor="x"
        )
        path = await mailed(b)
        form = {"name": "Uno", "password": PASSWORD, "again": PASSWORD}
        await b.client.post(path, data=form, headers=OWN)
        await log_in(b, MAIL, "a wrong canary 7f3k")
        await log_in(b, "canary-typed-as-mail", PASSWORD)
        await log_in(b, MAIL)
        session = b.client.cookies["scudo_session"]
        for _ in range(auth.PASSWORDS_OF_ACCOUNT + 2):
            await log_in(b, "canary-typed-as-mail", "x")
        # The test's own client tells its addresses.
        said = [one for one in caplog.records if not one.name.startswith("http")]
        logged = "\n".join(one.getMessage() for one in said)
        files = [one for one in (tmp_path / "desk").rglob("*") if one.is_file()]
        kept = b"".join(one.read_bytes() for one in files)
        token = path.rpartition("/")[2]
        typed = (PASSWORD, "a wrong canary 7f3k", "canary-typed-as-mail")
        for secret in (*typed, session, token):
            assert secret not in logged
            assert secret.encode() not in kept
        assert auth.fingerprint(token).encode() in kept

    play(tmp_path, scene)


def test_what_is_not_ones_own_is_not_in_the_header(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage())
        b.desk.enrol_embedded(site("beta", "beta-roma"))
        pages = {"/maintenance", "/statements", "/people"}
        seen = {
            Role.CUSTOMER: set(),
            Role.REFERENT: pages,
            Role.TECHNICIAN: pages - {"/people"},
            Role.MANAGER: pages,
        }
        for role, expected in seen.items():
            mail = f"{role.value}@x.example"
            await join_in(b, role, mail=mail)
            await log_in(b, mail)
            text = (await b.client.get("/")).text
            header = text.partition("<main")[0]
            assert set(re.findall(r'href="(/\w+)"', header)) & pages == expected
            for page in pages:
                status = (await b.client.get(page)).status_code
                assert status == (200 if page in expected else 404), (role, page)
            b.client.cookies.clear()

    play(tmp_path, scene)
