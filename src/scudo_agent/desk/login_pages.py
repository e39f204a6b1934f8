"""Getting in and out, and the language that somebody reads."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from scudo_agent.desk import auth
from scudo_agent.desk.forms import own, read_form
from scudo_agent.desk.front import COOKIE, LANGUAGE_COOKIE, LANGUAGES, Front, safe
from scudo_agent.desk.offload import offload
from scudo_agent.desk.password_login import PasswordLogin
from scudo_agent.desk.passwords import BusyError
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

    async def form(self, request: Request) -> Response:
        """The form, for who comes without a link; who is in already goes on."""
        reader = await self._front.reader(request)
        if reader.person is not None:
            return RedirectResponse("/", status_code=303)
        done = _DONE.get(request.query_params.get("done", ""))
        word = "" if done is None else reader.speaks.render(done)
        return self._front.login(request, reader, word=word)

    async def enter(self, request: Request) -> Response:
        """Mail and password; what was typed of the mail is kept when they are wrong."""
        reader = await self._front.reader(request)
        if not own(request):
            return self._front.plain(request, reader, "missing.html", 403)
        form = read_form(await request.body())
        mail, back = form.get("mail", "")[:300], form.get("back", "/")
        status, headers, entry = 401, {}, None
        refused = T("The mail address or the password is wrong.")
        try:
            entry = await self._login.enter(
                mail, form.get("password", ""), client_of(request)
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
        said = {"mail": mail, "refused": reader.speaks.render(refused)}
        answer = self._front.login(request, reader, back=back, status=status, **said)
        answer.headers.update(headers)
        return answer

    async def log_in(self, request: Request) -> Response:
        """Use a login link: it works once."""
        reader = await self._front.reader(request)
        if request.method == "HEAD":
            # A look at the link must not use it up.
            return Response(status_code=204)
        now = self._front.store.now()
        client = client_of(request)
        if not self._guesses.take(client, now):
            return self._front.plain(request, reader, "wait.html", 429)
        session = auth.new_session()
        person = await offload(
            self._front.store.sessions.use_code,
            auth.fingerprint(auth.plain_code(request.path_params["code"])),
            session_sha256=auth.fingerprint(session),
            life_us=auth.SESSION_LIFE_US,
        )
        if person is None:
            return self._front.plain(request, reader, "spent.html", 404)
        self._guesses.right(client, now)
        return self._front.let_in(session, "/")

    async def log_out(self, request: Request) -> Response:
        """End the session for good."""
        reader = await self._front.reader(request)
        if reader.person is not None and own(request):
            await offload(
                self._front.store.sessions.log_out, auth.fingerprint(reader.session)
            )
        answer = RedirectResponse("/", status_code=303)
        answer.delete_cookie(COOKIE)
        return answer

    async def speak(self, request: Request) -> Response:
        """Read in another language from now on, and go back to the page."""
        reader = await self._front.reader(request)
        language = request.path_params["language"]
        if language not in LANGUAGES:
            return self._front.missing(request, reader)
        back = request.query_params.get("back", "/")
        answer = RedirectResponse(safe(back), status_code=303)
        if reader.person is None:
            self._front.put_cookie(answer, LANGUAGE_COOKIE, language)
            return answer
        session = auth.fingerprint(reader.session)
        await offload(self._front.store.sessions.speak, session, language)
        return answer


def client_of(request: Request) -> str:
    """The address that a request comes from."""
    return request.client.host if request.client else ""


def add_login(app: FastAPI, front: Front) -> None:
    """Add the pages to the application."""
    pages = LoginPages(front)
    app.add_route("/login", pages.form, methods=["GET"])
    app.add_route("/login", pages.enter, methods=["POST"])
    app.add_route("/in/{code}", pages.log_in, methods=["GET"])
    app.add_route("/out", pages.log_out, methods=["POST"])
    app.add_route("/language/{language}", pages.speak, methods=["GET"])
