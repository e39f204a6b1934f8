"""Asking the desk of a site over its API, as the site's agent: embedded or remote."""

import argparse
import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scudo_agent.cli.common import running, state_folder
from scudo_agent.config.secret import Secret
from scudo_agent.errors import InputError, ScudoError

if TYPE_CHECKING:
    import httpx

    from scudo_agent.config.site import Site

_TIMEOUT_S = 30.0
_ATTEMPTS = 2
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where the desk is and who asks; `ask` raises what a person can read."""

    url: str
    key: Secret
    ca: str | None = None

    def get(self, path: str) -> "httpx.Response":
        """Read something below `/v1/agents/self`."""
        return self._ask("GET", path, None, {})

    def find(self, path: str) -> Any:
        """The JSON there; None when the desk has nothing there (404)."""
        reply = self._ask("GET", path, None, {}, absent=True)
        return None if reply.status_code == 404 else reply.json()

    def put(self, path: str, body: Any) -> None:
        """Tell the desk something; the same again changes nothing."""
        self._ask("PUT", path, body, {})

    def post(self, path: str, body: Any) -> Any:
        """Ask for a change, once: an attempt without an answer is made again."""
        return self.ask(path, body).json()

    def ask(self, path: str, body: Any) -> "httpx.Response":
        """`post`, with the answer as it came."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return self._ask("POST", path, body, headers)

    def _ask(
        self,
        method: str,
        path: str,
        body: Any,
        headers: dict[str, str],
        *,
        absent: bool = False,
    ) -> "httpx.Response":
        import httpx

        from scudo_agent.ticketing.key import bearer

        content = b""
        if body is not None:
            content, headers = _content(body), {**headers, **_JSON}
        error = ""
        for _ in range(_ATTEMPTS):
            try:
                reply = httpx.request(
                    method,
                    f"{self.url}/v1/agents/self{path}",
                    content=content,
                    headers=headers | bearer(self.key),
                    verify=self.ca or True,
                    timeout=_TIMEOUT_S,
                    trust_env=False,
                )
            except (httpx.HTTPError, OSError) as exc:
                error = str(exc) or type(exc).__name__
                continue
            if reply.is_success or (absent and reply.status_code == 404):
                return reply
            raise _refusal(self.url, reply)
        raise ScudoError(f"{self.url}: the desk cannot be asked: {error}")


def open_door(args: argparse.Namespace, site: "Site") -> Door:
    """The desk of the site; `ScudoError` when it is embedded and nobody runs it."""
    link = site.desk
    if link.url is not None and link.key is not None:
        ca = str(link.ca) if link.ca else None
        return Door(url=link.url.rstrip("/"), key=link.key, ca=ca)
    state = state_folder(args)
    agent = running(state)
    address = agent.get("desk_address") if agent else None
    if not address:
        raise ScudoError(
            f"{state}: no agent runs here, and the desk of {site.id} is embedded in "
            "it: start it with 'scudo-agent run', then ask again"
        )
    path = state / "desk.key"
    try:
        key = Secret(path.read_text("ascii").strip(), reference=f"file:{path}")
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or "is damaged"
        raise ScudoError(f"{path}: the agent's key cannot be read: {reason}") from None
    return Door(url=str(address), key=key)


def _content(body: Any) -> bytes:
    """The body as JSON; bytes of the command line that are no text are told."""
    try:
        return json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError as exc:
        near = exc.object[max(0, exc.start - 20) : exc.start]
        raise InputError(f"what follows '{near}' is no UTF-8 text") from None


def _refusal(url: str, reply: "httpx.Response") -> ScudoError:
    """What the desk said, as an error; its refusals of content are wrong input."""
    detail = ""
    try:
        problem = reply.json()
        if isinstance(problem, dict):
            detail = str(problem.get("detail") or "")
            where = problem.get("where")
            detail = f"{where}: {detail}" if where and detail else detail
    except ValueError:
        detail = ""
    if reply.status_code in (401, 403):
        return ScudoError(
            f"{url}: the desk does not accept this agent's key ({reply.status_code})"
        )
    if reply.status_code in (404, 409, 410, 422) and detail:
        return InputError(detail)
    return ScudoError(f"{url}: the desk answered {reply.status_code} {detail}".strip())
