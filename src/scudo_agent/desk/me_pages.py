"""What somebody says of himself: name, language, password, where he is logged in."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from scudo_agent.desk import auth
from scudo_agent.desk.forms import own, read_form
from scudo_agent.desk.front import LANGUAGES, Front, Reader
from scudo_agent.desk.link_pages import chosen
from scudo_agent.desk.login_pages import BUSY_S
from scudo_agent.desk.offload import offload
from scudo_agent.desk.passwords import BusyError
from scudo_agent.desk.store.people import PeopleError
from scudo_agent.desk.store.scope import Person
from scudo_agent.text import T, Text

_ZONE = "UTC"
_DONE = {
    "name": T("Saved."),
    "password": T("The password is changed. Elsewhere you are logged out."),
    "sessions": T("Logged out there."),
}
_BUSY = T("Too many people come in just now. Try again in a moment.")


class MePages:
    """Handlers of one's own page."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._guesses = auth.Guesses(
            auth.PASSWORDS_OF_ACCOUNT,
            of_all=auth.PASSWORDS_OF_ALL,
            span_us=auth.PASSWORD_SPAN_US,
        )

    async def me(self, request: Request) -> Response:
        """The page."""
        reader = await self._front.reader(request)
        if reader.person is None:
            return self._front.stranger(request, reader)
        return await self._page(request, reader, reader.person)

    async def act(self, request: Request) -> Response:
        """One of its forms: `name`, `password`, `sessions` (one, or all others)."""
        reader = await self._front.reader(request)
        person = reader.person
        if person is None:
            return self._front.stranger(request, reader)
        if not own(request):
            return self._front.plain(request, reader, "missing.html", 403)
        form, act = read_form(await request.body()), request.path_params["act"]
        acts = {"sessions": self._end}
        if person.person_id is not None:
            acts |= {"name": self._describe, "password": self._password}
        if act not in acts:
            return self._front.missing(request, reader)
        try:
            await acts[act](reader, person, form)
        except PeopleError as exc:
            said = {"act": act, "refused": exc.text, "name": form.get("name", "")}
            return await self._page(request, reader, person, status=422, said=said)
        except BusyError:
            said = {"act": act, "refused": _BUSY}
            answer = await self._page(request, reader, person, status=503, said=said)
            answer.headers["Retry-After"] = str(BUSY_S)
            return answer
        return RedirectResponse(f"/me?done={act}", status_code=303)

    async def _describe(
        self, reader: Reader, person: Person, form: dict[str, str]
    ) -> None:
        assert person.person_id is not None
        language = form.get("language", reader.language)
        if language not in LANGUAGES:
            raise PeopleError(T("This language is not spoken here."))
        await offload(
            self._front.store.people.describe,
            person.person_id,
            name=form.get("name", ""),
            language=language,
        )

    async def _password(
        self, reader: Reader, person: Person, form: dict[str, str]
    ) -> None:
        """Only who knows the old one sets a new one."""
        assert person.person_id is not None
        store, now = self._front.store, self._front.store.now()
        if not self._guesses.take(person.actor, now):
            raise PeopleError(T("Too many wrong passwords. Try again later."))
        account = await offload(store.credentials.account_of, person.person_id)
        known = None if account is None else account.password_hash
        verdict = await self._front.passwords.check(known, form.get("old", ""))
        if account is None or not verdict.right:
            raise PeopleError(T("The old password is wrong."))
        self._guesses.right(person.actor, now)
        password = chosen(form, mail=account.mail, name=account.name)
        await offload(
            store.credentials.put_password,
            person.person_id,
            await self._front.passwords.hash(password),
            actor=person.actor,
            keeps=auth.fingerprint(reader.session),
        )

    async def _end(self, reader: Reader, person: Person, form: dict[str, str]) -> None:
        sessions = self._front.store.sessions
        if "name" in form:
            await offload(sessions.end, person.actor, form["name"])
        else:
            mine = auth.fingerprint(reader.session)
            await offload(sessions.end_others, person.actor, mine)

    async def _page(
        self,
        request: Request,
        reader: Reader,
        person: Person,
        *,
        status: int = 200,
        said: dict[str, object] | None = None,
    ) -> Response:
        store, page = self._front.store, self._front.page(reader)
        mine = auth.fingerprint(reader.session)
        lines = await offload(store.sessions.lines, person.actor, mine)
        account = None
        if person.person_id is not None:
            account = await offload(store.credentials.account_of, person.person_id)
        given = said or {}
        refused, typed = given.get("refused"), given.get("name")
        done = _DONE.get(request.query_params.get("done", "")) if said is None else None
        content: dict[str, object] = {
            "account": account,
            "name": str(typed or ("" if account is None else account.name))[:300],
            "act": given.get("act", ""),
            "refused": reader.speaks.render(refused)
            if isinstance(refused, Text)
            else "",
            "done": "" if done is None else reader.speaks.render(done),
            "sessions": [
                (one, page.when(one.since, _ZONE), page.when(one.until, _ZONE))
                for one in lines
            ],
        }
        return self._front.answer(request, reader, "me.html", content, status=status)


def add_me(app: FastAPI, front: Front) -> None:
    """Add the page to the application."""
    pages = MePages(front)
    app.add_route("/me", pages.me, methods=["GET"])
    app.add_route("/me/{act}", pages.act, methods=["POST"])
