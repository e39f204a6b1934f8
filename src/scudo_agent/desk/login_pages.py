"""Getting in and out, and the language that somebody reads."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from scudo_agent.desk import auth
from scudo_agent.desk.forms import own
from scudo_agent.desk.front import COOKIE, LANGUAGES, Front
from scudo_agent.desk.offload import offload


class LoginPages:
    """Handlers of logging in and out."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._guesses = auth.Guesses()

    async def log_in(self, request: Request) -> Response:
        """Use a login link: it works once."""
        reader = await self._front.reader(request)
        if request.method == "HEAD":
            # A look at the link must not use it up.
            return Response(status_code=204)
        now = self._front.store.now()
        client = request.client.host if request.client else ""
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
        answer = RedirectResponse("/", status_code=303)
        answer.set_cookie(
            COOKIE,
            session,
            max_age=auth.SESSION_LIFE_US // 1_000_000,
            secure=self._front.url().startswith("https:"),
            httponly=True,
            samesite="lax",
        )
        return answer

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
        if reader.person is not None:
            await offload(
                self._front.store.sessions.speak,
                auth.fingerprint(reader.session),
                language,
            )
        back = request.query_params.get("back", "/")
        # Only a path of our own: nobody is sent elsewhere by a link to us.
        if not back.startswith("/") or back.startswith(("//", "/\\")):
            back = "/"
        return RedirectResponse(back, status_code=303)


def add_login(app: FastAPI, front: Front) -> None:
    """Add the pages to the application."""
    pages = LoginPages(front)
    app.add_route("/in/{code}", pages.log_in, methods=["GET"])
    app.add_route("/out", pages.log_out, methods=["POST"])
    app.add_route("/language/{language}", pages.speak, methods=["GET"])
