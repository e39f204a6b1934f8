"""What somebody says of himself: name, language, password, where he is logged in."""

from zoneinfo import available_timezones

from starlette.responses import Response

from scudo_agent.desk import auth
from scudo_agent.desk.front import LANGUAGES
from scudo_agent.desk.link_pages import chosen
from scudo_agent.desk.login_pages import BUSY_S
from scudo_agent.desk.offload import offload
from scudo_agent.desk.passwords import BusyError
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.people import PeopleError
from scudo_agent.desk.visit import Doors, Refusal, Visit, somebody
from scudo_agent.text import T

_DONE = {
    "name": T("Saved."),
    "password": T("The password is changed. Elsewhere you are logged out."),
    "sessions": T("Logged out there."),
}
_ZONES = frozenset(available_timezones())
_BUSY = T("Too many people come in just now. Try again in a moment.")


class MePages:
    """Handlers of one's own page."""

    def __init__(self, store: DeskStore) -> None:
        self._store = store
        self._guesses = auth.Guesses(
            auth.PASSWORDS_OF_ACCOUNT,
            of_all=auth.PASSWORDS_OF_ALL,
            span_us=auth.PASSWORD_SPAN_US,
        )

    async def me(self, visit: Visit) -> Response:
        """The page."""
        return await self._page(visit)

    async def act(self, visit: Visit) -> Response:
        """One of its forms: `name`, `password`, `sessions` (one, or all others)."""
        acts, act = {"sessions": self._end}, visit.part("act")
        if somebody(visit.person):
            acts |= {"name": self._describe, "password": self._password}
        if act not in acts:
            return visit.missing()
        try:
            await acts[act](visit)
        except PeopleError as exc:
            return await self._page(visit, Refusal(text=exc.text, form=visit.form))
        except BusyError:
            refusal = Refusal(text=_BUSY, form=visit.form, status=503)
            answer = await self._page(visit, refusal)
            answer.headers["Retry-After"] = str(BUSY_S)
            return answer
        return visit.go(f"/me?done={act}")

    async def _describe(self, visit: Visit) -> None:
        assert visit.person.person_id is not None
        language = visit.form.get("language", visit.reader.language)
        if language not in LANGUAGES:
            raise PeopleError(T("This language is not spoken here."))
        await offload(
            self._store.people.describe,
            visit.person.person_id,
            name=visit.form.get("name", ""),
            language=language,
            timezone=_zone(visit),
        )

    async def _password(self, visit: Visit) -> None:
        """Only who knows the old one sets a new one."""
        person, form = visit.person, visit.form
        assert person.person_id is not None
        store, now = self._store, self._store.now()
        passwords = visit.front.passwords
        if not self._guesses.take(person.actor, now):
            raise PeopleError(T("Too many wrong passwords. Try again later."))
        account = await offload(store.credentials.account_of, person.person_id)
        known = None if account is None else account.password_hash
        verdict = await passwords.check(known, form.get("old", ""))
        if account is None or not verdict.right:
            raise PeopleError(T("The old password is wrong."))
        self._guesses.right(person.actor, now)
        password = chosen(form, mail=account.mail, name=account.name)
        await offload(
            store.credentials.put_password,
            person.person_id,
            await passwords.hash(password),
            actor=person.actor,
            keeps=auth.fingerprint(visit.reader.session),
        )

    async def _end(self, visit: Visit) -> None:
        sessions, actor = self._store.sessions, visit.person.actor
        if "name" in visit.form:
            await offload(sessions.end, actor, visit.form["name"])
        else:
            mine = auth.fingerprint(visit.reader.session)
            await offload(sessions.end_others, actor, mine)

    async def _page(self, visit: Visit, refusal: Refusal | None = None) -> Response:
        store, page, person = self._store, visit.page, visit.person
        mine, zone = auth.fingerprint(visit.reader.session), visit.zone
        lines = await offload(store.sessions.lines, person.actor, mine)
        account = None
        if person.person_id is not None:
            account = await offload(store.credentials.account_of, person.person_id)
        typed = "" if refusal is None else refusal.form.get("name", "")
        typed_zone = visit.reader.zone
        if refusal is not None and visit.part("act") == "name":
            typed_zone = refusal.form.get("timezone")
        content: dict[str, object] = {
            "account": account,
            "zone": (typed_zone or "")[:100],
            "zones": sorted(_ZONES) if account is not None else [],
            "name": (typed or ("" if account is None else account.name))[:300],
            "act": "" if refusal is None else visit.part("act"),
            "done": visit.done(_DONE) if refusal is None else "",
            "sessions": [
                (one, page.when(one.since, zone), page.when(one.until, zone))
                for one in lines
            ],
        }
        return visit.again("me.html", content, refusal)


def _zone(visit: Visit) -> str | None:
    """The time zone that the form chose; None: each site's own."""
    zone = visit.form.get("timezone", "").strip()
    if not zone:
        return None
    if zone not in _ZONES:
        raise PeopleError(T("There is no such time zone: write it as Europe/Rome."))
    return zone


def add_me(doors: Doors) -> None:
    """Add the page to the application."""
    pages = MePages(doors.front.store)
    doors.page("/me", pages.me)
    doors.form("/me/{act}", pages.act)
