"""The agent's end of a desk: embedded in this process, or remote.

Both are reached through the same HTTP API and credential (`architecture.md`:
one desk, one door).
"""

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import TypeAdapter

from scudo_agent.agent.key_renewal import place_of, ring_of
from scudo_agent.clock import Clock
from scudo_agent.config.desk_answer import PATH
from scudo_agent.config.secret import Secret
from scudo_agent.config.site import Site
from scudo_agent.desk.auth import is_key
from scudo_agent.desk.settings import DeskSettings, load_desk_settings
from scudo_agent.errors import InputError, ScudoError
from scudo_agent.model import Outcome
from scudo_agent.text import T
from scudo_agent.ticketing.desk import DeskClient
from scudo_agent.ticketing.key import KeyRing
from scudo_agent.ticketing.port import DeskError, NoAnswer, Parcel, TicketSystem
from scudo_agent.wire import BatchReply, Gap, Hello, HelloReply, LedgerGap, OpenIncident
from scudo_agent.wire_site import ContractState, Interventions, WindowsTaken

if TYPE_CHECKING:
    from scudo_agent.desk.app import Desk

_KEY = "desk.key"
_TIMEOUT_S = 10.0
_OPEN = TypeAdapter(list[OpenIncident])
_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class DeskEnd:
    """What an agent needs of its desk; `embedded` is the desk in this process.

    `key_file` is where the key in use is kept; None: in no file of the agent's.
    """

    url: str
    client: DeskClient
    reader: "DeskReader"
    keys: KeyRing
    key_file: Path | None
    embedded: "Desk | None" = None


class DeskReader:
    """Reads this agent's tickets back, for the screen."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def ticket(self, ref: str, *, history: str = "all") -> dict[str, Any]:
        """One ticket as the desk's API gives it; raises `DeskError`.

        With `history` `mails`, of its history only what became of its mails.
        """
        try:
            reply = await self._client.get(
                f"/v1/agents/self/tickets/{ref}", params={"history": history}
            )
            reply.raise_for_status()
            data: dict[str, Any] = reply.json()
        except (httpx.HTTPError, OSError, ValueError) as exc:
            raise NoAnswer(str(exc) or type(exc).__name__) from None
        return data

    async def contract(self) -> ContractState | None:
        """The contract that the desk has for this site; raises `DeskError`."""
        try:
            reply = await self._client.get("/v1/agents/self/contract")
            if reply.status_code == 404:
                return None
            reply.raise_for_status()
            return ContractState.model_validate_json(reply.content)
        except (httpx.HTTPError, OSError, ValueError) as exc:
            raise NoAnswer(str(exc) or type(exc).__name__) from None

    async def open_incidents(self) -> list[OpenIncident]:
        """This agent's incidents that the desk has open; raises `DeskError`."""
        found: list[OpenIncident] = []
        while True:
            after = found[-1].incident_id if found else ""
            try:
                reply = await self._client.get(
                    "/v1/agents/self/incidents", params={"after": after}
                )
                reply.raise_for_status()
                page = _OPEN.validate_json(reply.content)
            except (httpx.HTTPError, OSError, ValueError) as exc:
                raise NoAnswer(str(exc) or type(exc).__name__) from None
            if not page:
                return found
            found += page

    async def tell_interventions(self, told: Interventions) -> None:
        """Tell what is muted and paused; raises `DeskError`.

        A desk that has no such request does not show it; that is no fault.
        """
        try:
            reply = await self._client.put(
                "/v1/agents/self/interventions", json=told.model_dump(mode="json")
            )
            if reply.status_code not in (404, 405):
                reply.raise_for_status()
        except (httpx.HTTPError, OSError, ValueError) as exc:
            raise NoAnswer(str(exc) or type(exc).__name__) from None

    async def windows(self) -> WindowsTaken:
        """All windows of this site; raises `DeskError`."""
        try:
            reply = await self._client.get("/v1/agents/self/windows")
            reply.raise_for_status()
            return WindowsTaken.model_validate_json(reply.content)
        except (httpx.HTTPError, OSError, ValueError) as exc:
            raise NoAnswer(str(exc) or type(exc).__name__) from None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


class WatchedDesk:
    """A desk whose answers are a vantage check (`desk/answer`, `domain.md` 2)."""

    def __init__(
        self, desk: TicketSystem, report: Callable[[str, Outcome], None]
    ) -> None:
        self._desk = desk
        self._report = report

    async def hello(self, hello: Hello) -> HelloReply:
        """Pass it on, and report whether anybody answered."""
        try:
            reply = await self._desk.hello(hello)
        except NoAnswer as exc:
            self._say(False, str(exc))
            raise
        except DeskError as exc:
            self._say(True, str(exc))
            raise
        self._say(True, "")
        return reply

    def _say(self, answered: bool, reason: str) -> None:
        seen = T("the desk answers")
        if not answered:
            seen = T("no answer from the desk: {reason}", reason=reason)
        self._report(PATH, Outcome(answered=answered, seen=seen))

    async def send(self, parcel: Parcel) -> BatchReply:
        """Pass it on."""
        return await self._desk.send(parcel)

    async def gap(self, stream: str, gap: Gap | LedgerGap) -> BatchReply:
        """Pass it on."""
        return await self._desk.gap(stream, gap)

    async def close(self) -> None:
        """Close the desk's client."""
        await self._desk.close()


def desk_settings(desk_file: Path, state: Path) -> DeskSettings:
    """The embedded desk's settings: its file if there is one, else defaults.

    Its state stands in the agent's state folder unless the file names another.
    """
    if not desk_file.exists():
        return DeskSettings(state=str(state.absolute()))
    settings = load_desk_settings(desk_file)
    if "state" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"state": str(state.absolute())})


def bind_embedded(settings: DeskSettings, clock: Clock, *, serve: bool) -> "Desk":
    """The embedded desk with its port taken, not yet started."""
    if settings.tls is not None:
        raise InputError(
            "tls: an embedded desk serves its own agent, on this machine; to let "
            "others in, run the desk by itself ('scudo-agent desk run')"
        )
    # An agent of a remote desk starts without it, in half the time.
    from scudo_agent.desk.app import build

    desk = build(settings, clock=clock)
    if serve:
        desk.bind()
    return desk


async def embedded_end(
    desk: "Desk", site: Site, state: Path, *, serve: bool
) -> DeskEnd:
    """The agent's end of a started embedded desk, enrolled and with its key."""
    loop = asyncio.get_running_loop()
    key = await loop.run_in_executor(None, _enrol, desk, site, state / _KEY)
    transport = None if serve else httpx.ASGITransport(app=desk.asgi)
    keys = ring_of(key, state / _KEY)
    client = DeskClient(desk.address, keys, transport=transport)
    reader = httpx.AsyncClient(
        base_url=desk.address,
        auth=keys,
        transport=transport,
        timeout=_TIMEOUT_S,
        trust_env=False,
    )
    return DeskEnd(
        url=desk.url,
        client=client,
        reader=DeskReader(reader),
        keys=keys,
        key_file=state / _KEY,
        embedded=desk,
    )


async def enrol_again(end: DeskEnd, site: Site, state: Path) -> None:
    """Tell an embedded desk what another version of the site file says."""
    if end.embedded is not None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, _enrol, end.embedded, site, state / _KEY)


def _enrol(desk: "Desk", site: Site, path: Path) -> Secret:
    """Enrol with the key that was kept, and keep it."""
    try:
        kept = _kept(path)
        key = desk.enrol_embedded(site, key=kept)
        if key != kept:
            _keep(path, key)
    except OSError as exc:
        reason = exc.strerror or str(exc)
        raise ScudoError(f"{path}: the desk's key cannot be kept: {reason}") from None
    return Secret(key, reference=f"file:{path}")


def _kept(path: Path) -> str | None:
    """The key that was kept; None when there is none that is whole.

    Only this agent uses it, and it is enrolled anew at each start: a damaged one
    is replaced and nobody need be asked.
    """
    if not path.exists():
        return None
    key = path.read_bytes().decode("ascii", "replace").strip()
    if is_key(key):
        return key
    _log.warning("%s: is damaged, the agent gets a new key", path)
    return None


def _keep(path: Path, key: str) -> None:
    """Put the key in its place as a whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(key + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def remote_end(site: Site) -> DeskEnd:
    """The agent's end of a remote desk."""
    url, key = site.desk.url, site.desk.key
    assert url is not None
    assert key is not None
    place = place_of(key, site.path.parent)
    keys = ring_of(key, place)
    client = DeskClient(url, keys, ca=site.desk.ca)
    verify = str(site.desk.ca) if site.desk.ca else True
    reader = httpx.AsyncClient(
        base_url=url,
        auth=keys,
        verify=verify,
        timeout=_TIMEOUT_S,
        trust_env=False,
    )
    return DeskEnd(
        url=url,
        client=client,
        reader=DeskReader(reader),
        keys=keys,
        key_file=place,
    )
