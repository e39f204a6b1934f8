"""Getting in and out, and the language that somebody reads."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from scudo_agent.desk import auth
from scudo_agent.desk.browsers import browser_words
from scudo_agent.desk.forms import own
from scudo_agent.desk.front import COOKIE, LANGUAGE_COOKIE, LANGUAGES, Front, safe
from scudo_agent.desk.offload import offload
from scudo_agent.desk.password_login import PasswordLogin
from scudo_agent.desk.passwords import BusyError
from scudo_agent.desk.visit import Doors, Look
from scudo_agent.instant import SECOND
from scudo_agent.text import T

BUSY_S = 5
"""Who finds too many before him may come again after so long."""

_DONE = {"password": T("Your password is set. Log in with it.")}
"""What the form says first, by what was done before."""


class LoginPages:
    """Handlers of logging in and out."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._guesses = auth.Guesses()
        self._login = PasswordLogin(front.store, front.passwords)

    async def form(self, look: Look) -> Response:
        """The form, for who comes without a link; who is in already goes on."""
        if look.reader.person is not None:
            return look.go("/")
        return self._front.login(look.request, look.reader, word=look.done(_DONE))

    async def enter(self, look: Look) -> Response:
        """Mail and password; what was typed of the mail is kept when they are wrong."""
        form, client = look.form, client_of(look.request)
        mail, back = form.get("mail", "")[:300], form.get("back", "/")
        status, headers, entry = 401, {}, None
        refused = T("The mail address or the password is wrong.")
        try:
            entry = await self._login.enter(
                mail,
                form.get("password", ""),
                client,
                browser=_browser(look.request),
            )
        except BusyError:
            status, headers = 503, {"Retry-After": str(BUSY_S)}
            refused = T("Too many people come in just now. Try again in a moment.")
        if entry is not None and entry.session:
            return self._front.let_in(entry.session, back)
        if entry is not None and entry.wait_s:
            status, headers = 429, {"Retry-After": str(entry.wait_s)}
            refused = T(
                "Too many wrong passwords. Wait {time}, then try again, or set a new "
                "password by mail.",
                time={"duration": entry.wait_s * SECOND},
            )
        said = {"mail": mail, "refused": look.say(refused)}
        answer = self._front.login(
            look.request, look.reader, back=back, status=status, **said
        )
        answer.headers.update(headers)
        return answer

    async def log_in(self, look: Look) -> Response:
        """Use a login link: it works once."""
        if look.request.method == "HEAD":
            # A look at the link must not use it up.
            return Response(status_code=204)
        now = self._front.store.now()
        client = client_of(look.request)
        if not self._guesses.take(client, now):
            return look.plain("wait.html", 429)
        session = auth.new_session()
        person = await offload(
            self._front.store.sessions.use_code,
            auth.fingerprint(auth.plain_code(look.part("code"))),
            session_sha256=auth.fingerprint(session),
            life_us=auth.SESSION_LIFE_US,
            browser=_browser(look.request),
        )
        if person is None:
            return look.plain("spent.html", 404)
        self._guesses.right(client, now)
        return self._front.let_in(session, "/")

    async def log_out(self, request: Request) -> Response:
        """End the session for good; the cookie goes, whoever sent the form."""
        reader = await self._front.reader(request)
        if reader.person is not None and own(request):
            await offload(
                self._front.store.sessions.log_out, auth.fingerprint(reader.session)
            )
        answer = RedirectResponse("/", status_code=303)
        answer.delete_cookie(COOKIE)
        return answer

    async def speak(self, look: Look) -> Response:
        """Read in another language from now on, and go back to the page."""
        language = look.part("language")
        if language not in LANGUAGES:
            return look.missing()
        answer = look.go(safe(look.request.query_params.get("back", "/")))
        if look.reader.person is None:
            self._front.put_cookie(answer, LANGUAGE_COOKIE, language)
            return answer
        session = auth.fingerprint(look.reader.session)
        await offload(self._front.store.sessions.speak, session, language)
        return answer


def _browser(request: Request) -> str:
    return browser_words(request.headers.get("user-agent", ""))


def client_of(request: Request) -> str:
    """The address that a request comes from."""
    return request.client.host if request.client else ""


def add_login(app: FastAPI, doors: Doors) -> None:
    """Add the pages to the application."""
    pages = LoginPages(doors.front)
    doors.open_page("/login", pages.form)
    doors.open_form("/login", pages.enter)
    doors.open_page("/in/{code}", pages.log_in)
    app.add_route("/out", pages.log_out, methods=["POST"])
    doors.open_page("/language/{language}", pages.speak)
