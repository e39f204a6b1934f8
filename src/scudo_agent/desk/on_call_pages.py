"""The page of who is on call: the turns to come, swaps, the rota and who changed it.

All of the provider's people read it; dispatchers change it.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import Any

from starlette.responses import Response

from scudo_agent.desk.channels import checked_channel, kind_of, send
from scudo_agent.desk.forms import local_instant
from scudo_agent.desk.front import NUMBER
from scudo_agent.desk.life import ActError
from scudo_agent.desk.offload import offload
from scudo_agent.desk.pages import Page
from scudo_agent.desk.rights import Right
from scudo_agent.desk.rota import PEOPLE_LIMIT, Rota, Swap, turns
from scudo_agent.desk.store.channel_calls import CHANNELS_LIMIT
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.on_call import OnCall, RotaError, RotaVersion
from scudo_agent.desk.store.scope import Person
from scudo_agent.desk.visit import Doors, Refusal, Visit
from scudo_agent.errors import InputError
from scudo_agent.instant import DAY, Instant
from scudo_agent.locale.formats import clean
from scudo_agent.text import T

SHOWN_US = 56 * DAY
"""So far ahead the page lists turns."""

_FREE = 3
_ZONE = "Europe/Rome"
"""What the form of the first rota suggests."""

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_DONE = {
    "rota": T("The rota is written down."),
    "swap": T("The swap is written down."),
    "back": T("The swap is taken back."),
    "add": T("You are called by this channel, too."),
    "remove": T("You are not called by this channel any more."),
}


class OnCallPages:
    """Handlers of the page; a customer's people find none."""

    def __init__(self, store: DeskStore) -> None:
        self._book, self._people = store.rota, store.people
        self._channels = store.channels

    async def show(self, visit: Visit) -> Response:
        """The page."""
        return await self._page(visit)

    async def act(self, visit: Visit) -> Response:
        """One of its forms: `rota`, `swap` or `back`."""
        act = visit.part("act")
        try:
            done = await offload(self._do, act, visit.form, visit.person)
        except RotaError as exc:
            status = 409 if exc.stale else 422
            return await self._page(
                visit, Refusal(text=exc.text, form=visit.form, status=status), act
            )
        return visit.go(f"/on-call?done={act}") if done else visit.missing()

    async def channel(self, visit: Visit) -> Response:
        """A form about one's own channels: `add` or `remove`."""
        act, number = visit.part("act"), visit.person.person_id
        kinds = _kinds(visit)
        if number is None or not kinds or act not in ("add", "remove"):
            return visit.missing()
        if act == "remove":
            which = visit.form.get("channel", "")
            if not NUMBER.fullmatch(which):
                return visit.missing()
            found = await offload(self._channels.remove, number, int(which))
            return visit.go("/on-call?done=remove") if found else visit.missing()
        try:
            await offload(self._add, number, visit.form.get("url", ""), kinds)
        except RotaError as exc:
            return await self._page(visit, Refusal(text=exc.text))
        return visit.go("/on-call?done=add")

    def _add(self, person_id: int, given: str, kinds: tuple[str, ...]) -> None:
        try:
            url = checked_channel(given, kinds)
        except InputError:
            names = ", ".join(kinds)
            raise RotaError(
                T("A channel's address begins with one of: {names}.", names=names)
            ) from None
        if send(url, "", "", check=True):
            raise RotaError(T("This address cannot be understood: look at it again."))
        try:
            self._channels.add(person_id, kind_of(url), url)
        except InputError:
            raise RotaError(
                T("You have {n} channels already.", n=CHANNELS_LIMIT)
            ) from None

    def _do(self, act: str, form: Mapping[str, str], person: Person) -> bool:
        if act == "rota":
            seen = form.get("version", "")
            if not NUMBER.fullmatch(seen):
                raise RotaError(T("Say which version of the rota you have seen."))
            self._book.put(_rota(form), version=int(seen), actor=person.actor)
            return True
        if act == "swap":
            now = self._book.now()
            new, words = _swap(form, _zone(now)), clean(form.get("words", ""))
            self._book.swap(new, words, actor=person.actor)
            return True
        number = form.get("swap", "")
        if act != "back" or not NUMBER.fullmatch(number):
            return False
        return self._book.take_back(int(number), actor=person.actor)

    async def _mine(self, visit: Visit) -> list[dict[str, Any]]:
        number = visit.person.person_id
        if number is None:
            return []
        lines = await offload(self._channels.lines, number)
        return [
            {
                "number": one.channel_id,
                "kind": one.kind,
                "since": visit.page.when(one.created, visit.zone),
            }
            for one in lines
        ]

    async def _page(
        self, visit: Visit, refusal: Refusal | None = None, act: str = ""
    ) -> Response:
        now = await offload(self._book.now)
        versions = await offload(self._book.versions)
        names = await offload(self._people.names, _mentioned(now, versions))
        typed = {} if refusal is None else refusal.form
        rota, swap = (typed if act == one else {} for one in ("rota", "swap"))
        fields = rota or _fields(now)
        content: dict[str, Any] = {
            "title": visit.say(T("On call")),
            "done": visit.done(_DONE) if refusal is None else "",
            "acts": visit.person.may(Right.DISPATCH),
            "zone": _zone(now),
            "version": now.version,
            "people": list(now.names.items()),
            "rota": defaultdict(str, fields),
            "places": range(1, _places(fields) + 1),
            "swap": defaultdict(str, swap),
            "kinds": _kinds(visit) if visit.person.person_id is not None else (),
            "channels": await self._mine(visit),
        } | _Book(Page(visit.reader.speaks, now.at), now, names).content(versions)
        return visit.again("on_call.html", content, refusal)


def _kinds(visit: Visit) -> tuple[str, ...]:
    """Kinds of channels that the settings allow."""
    given = visit.front.settings.on_call
    return () if given is None else given.channels


class _Book:
    """Puts the rota into a reader's words."""

    def __init__(self, page: Page, now: OnCall, names: Mapping[int, str]) -> None:
        self._page, self._now, self._names = page, now, names
        self._zone = _zone(now)

    def content(self, versions: tuple[RotaVersion, ...]) -> dict[str, Any]:
        now = self._now
        holds, end = now.rota, Instant(now.at + SHOWN_US)
        swaps = now.in_force
        ahead = now.planned
        until = end if ahead is None else min(end, max(ahead.since, now.at))
        listed = list(turns(holds.rota if holds else None, swaps, now.at, until))
        if ahead is not None and until < end:
            listed += turns(ahead.rota, swaps, until, end)
        return {
            "line": [self._names.get(one, "") for one in now.line],
            "turns": [
                {
                    "name": self._names.get(one.person_id, ""),
                    "start": self._when(one.start),
                    "end": None if one.end == end else self._when(one.end),
                    "now": one.start <= now.at < one.end,
                    "swapped": one.swapped,
                    "gone": one.person_id not in now.names,
                }
                for one in listed
            ],
            "swaps": [
                {
                    "number": one.swap_id,
                    "name": self._names.get(one.swap.person_id, ""),
                    "start": self._when(one.swap.start),
                    "end": self._when(one.swap.end),
                    "words": one.words,
                    "by": self._by(one.actor),
                    "removed": one.removed_by and self._by(one.removed_by),
                }
                for one in now.swaps
            ],
            "versions": [
                {
                    "number": one.version,
                    "stored": self._when(one.stored),
                    "since": self._when(one.since),
                    "by": self._by(one.actor),
                    "names": [self._names.get(p, "") for p in one.rota.people],
                }
                for one in versions
            ],
        }

    def _when(self, at: Instant) -> Any:
        return self._page.when(at, self._zone)

    def _by(self, actor: str) -> str:
        number = actor.partition("person:")[2]
        return self._names.get(int(number), "") if number.isdecimal() else number


def _zone(now: OnCall) -> str:
    held = now.rota or now.planned
    return _ZONE if held is None else held.rota.zone


def _fields(now: OnCall) -> dict[str, str]:
    """What the rota's form shows: the last version."""
    last = now.planned or now.rota
    if last is None:
        return {"zone": _ZONE, "time": "09:00", "every": "7"}
    rota = last.rota
    places = {f"p{n}": str(one) for n, one in enumerate(rota.people, 1)}
    return places | {
        "zone": rota.zone,
        "first": rota.first.isoformat(),
        "time": f"{rota.minute // 60:02d}:{rota.minute % 60:02d}",
        "every": str(rota.every_days),
    }


def _places(fields: Mapping[str, str]) -> int:
    """How many places the form shows: those that are taken, and some more."""
    taken = [n for n in range(1, PEOPLE_LIMIT + 1) if fields.get(f"p{n}")]
    return min(max(taken, default=0) + _FREE, PEOPLE_LIMIT)


def _rota(form: Mapping[str, str]) -> Rota:
    """The rota that a form asks for; `RotaError` for what cannot be meant."""
    try:
        first = date.fromisoformat(form.get("first", "")[:10])
    except ValueError:
        raise RotaError(T("Say on which day the first turn begins.")) from None
    found = _TIME.fullmatch(form.get("time", "")[:5])
    if found is None:
        raise RotaError(T("Write the time of the hand-over as 09:00."))
    every = form.get("every", "")
    given = [form.get(f"p{place}", "") for place in range(1, PEOPLE_LIMIT + 1)]
    return Rota(
        zone=form.get("zone", "").strip(),
        first=first,
        minute=int(found[1]) * 60 + int(found[2]),
        every_days=int(every) if NUMBER.fullmatch(every) else 0,
        people=tuple(int(one) for one in given if NUMBER.fullmatch(one)),
    )


def _swap(form: Mapping[str, str], zone: str) -> Swap:
    who = form.get("person", "")
    try:
        start = local_instant(form, "start", zone)
        end = local_instant(form, "end", zone)
    except ActError as exc:
        raise RotaError(exc.text) from None
    if start is None or end is None or not NUMBER.fullmatch(who):
        raise RotaError(T("Say who, from when, and until when."))
    return Swap(start=start, end=end, person_id=int(who))


def _mentioned(now: OnCall, versions: tuple[RotaVersion, ...]) -> set[int]:
    """Numbers of all people whom the page names."""
    actors = [one.actor for one in now.swaps] + [one.actor for one in versions]
    actors += [one.removed_by for one in now.swaps if one.removed_by]
    numbers = {one.partition("person:")[2] for one in actors}
    return (
        {int(one) for one in numbers if one.isdecimal()}
        | {one.swap.person_id for one in now.swaps}
        | {person for one in versions for person in one.rota.people}
        | set(now.names)
    )


def add_on_call(doors: Doors) -> None:
    """Add the page to the application."""
    pages = OnCallPages(doors.front.store)
    doors.page("/on-call", pages.show, sees=Right.INTERNAL)
    doors.form("/on-call/channels/{act}", pages.channel, sees=Right.INTERNAL)
    doors.form("/on-call/{act}", pages.act, sees=Right.INTERNAL, does=Right.DISPATCH)
