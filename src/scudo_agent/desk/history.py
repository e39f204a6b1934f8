"""A ticket's history in words, and tickets as JSON: for pages, API and terminal."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scudo_agent.desk import notice_words as words
from scudo_agent.desk.store.attachments import Attachment
from scudo_agent.desk.store.views import Entry, TicketLine, TicketView
from scudo_agent.instant import Instant, format_instant, parse_instant
from scudo_agent.locale import Translator
from scudo_agent.model import Kind
from scudo_agent.text import T, Text
from scudo_agent.wire import Outage, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One line of a timeline: when, what, more of it, and who did it.

    `tone` is `bad`, `good` or `plain`.
    """

    at: Instant
    kind: str
    text: str
    detail: str = ""
    actor: str
    tone: str = "plain"


def timeline(view: TicketView, translator: Translator) -> tuple[Happening, ...]:
    """What happened, oldest first, in the reader's language and the site's zone."""
    return tuple(_Teller(view, translator).tell())


class _Teller:
    """Walks a history and puts each entry into words."""

    def __init__(self, view: TicketView, translator: Translator) -> None:
        self._view = view
        self._zone = view.line.zone
        self._translator = translator
        self._known: set[str] = set()
        self._mails = 0

    def tell(self) -> Iterator[Happening]:
        kept = list(self._view.attachments)
        for entry in self._view.entries:
            while kept and kept[0].stored < entry.stored:
                yield self._attached(kept.pop(0))
            if entry.kind == "moved_here" and entry.stage is not None:
                yield self._moved_here(entry, entry.stage)
                self._known |= {member.check for member in entry.stage.members}
            elif entry.stage is not None:
                yield from self._stage(entry, entry.stage)
                self._known |= {member.check for member in entry.stage.members}
            else:
                yield self._desk(entry)
        yield from map(self._attached, kept)

    def _attached(self, one: Attachment) -> Happening:
        return Happening(
            at=one.taken,
            kind=one.kind,
            text=self._say(T("screenshot taken of {url}", url=one.source or "")),
            actor=one.actor,
        )

    def _stage(self, entry: Entry, stage: Stage) -> Iterator[Happening]:
        if stage.kind is Kind.OPEN:
            yield self._happening(
                entry,
                self._begun(entry),
                at=parse_instant(stage.since),
                kind="first_failure",
                tone="bad",
            )
        yield self._happening(
            entry,
            self._words(entry, stage),
            detail=self._detail(stage),
            tone=_TONES.get(stage.kind, "plain"),
        )

    def _begun(self, entry: Entry) -> str:
        if entry.rule == "S5":
            return self._say(T("first value that leads to the limit before long"))
        if entry.rule == "S4":
            return self._say(T("first value beyond the limit"))
        return self._say(T("first failure"))

    def _words(self, entry: Entry, stage: Stage) -> str:
        if stage.kind is Kind.RECOVER:
            return self._recovered(stage)
        if stage.kind is Kind.REOPEN:
            since = self._time(words.since(stage))
            return self._say(T("re-opened, failing again since {since}", since=since))
        if stage.kind is Kind.ROOT:
            name = self._translator.title(stage.subject.title, stage.subject.id)
            return self._say(T("the cause is {subject}", subject=name))
        if stage.kind is Kind.JOIN:
            return self._joined(stage)
        if stage.kind is Kind.RETIRE:
            return self._say(T("no longer measured: the check was taken out"))
        if stage.kind is Kind.NOTE:
            return self._note(stage) or self._say(T("note"))
        return self._opened(entry, stage)

    def _opened(self, entry: Entry, stage: Stage) -> str:
        if stage.kind is Kind.RAISE:
            return self._say(
                T(
                    "raised to severity {severity} ({rule})",
                    severity=entry.severity or 0,
                    rule=entry.rule or "",
                )
            )
        if entry.rule is None:
            return self._say(T("opened"))
        return self._say(T("opened ({rule})", rule=entry.rule))

    def _joined(self, stage: Stage) -> str:
        new = [m.check for m in stage.members if m.check not in self._known]
        if not new:
            return self._say(T("another check joined"))
        return self._say(T("affected too: {checks}", checks=", ".join(new)))

    def _recovered(self, stage: Stage) -> str:
        if stage.outage is None:
            return self._say(T("recovered"))
        return self._say(
            T(
                "recovered, dated {date}: {length}",
                date=self._time(parse_instant(stage.outage.until)),
                length=self._length(stage.outage),
            )
        )

    def _length(self, outage: Outage) -> str:
        """`down 1 min 31 s + 14 s unknown`; parts of no length are left out."""
        parts = []
        if outage.down_us:
            text = T("down {length}", length={"duration": outage.down_us})
            parts.append(text)
        if outage.degraded_us:
            text = T("degraded {length}", length={"duration": outage.degraded_us})
            parts.append(text)
        if outage.unknown_us:
            text = T("{length} unknown", length={"duration": outage.unknown_us})
            parts.append(text)
        if not parts:
            whole = outage.down_us + outage.up_us
            parts.append(T("lasted {length}", length={"duration": whole}))
        return " + ".join(self._translator.render(p, zone=self._zone) for p in parts)

    def _detail(self, stage: Stage) -> str:
        return "" if stage.kind is Kind.NOTE else self._note(stage)

    def _note(self, stage: Stage) -> str:
        if stage.note is None:
            return ""
        return self._translator.render(stage.note, zone=self._zone)

    def _desk(self, entry: Entry) -> Happening:
        data = entry.data
        if entry.kind == "mail_accepted":
            text = (
                self._say(T("mail accepted (same thread)"))
                if data.get("in_reply_to")
                else self._say(T("mail accepted"))
            )
            detail = self._say(
                T(
                    "{recipient}, after {length}",
                    recipient=str(data.get("recipient", "")),
                    length={"duration": int(data.get("after_us", 0))},
                )
            )
            return self._happening(entry, text, detail=detail)
        if entry.kind == "mail_refused":
            detail = f"{data.get('recipient', '')}: {data.get('error', '')}"
            text = self._say(T("mail refused for good"))
            return self._happening(entry, text, detail=detail, tone="bad")
        if entry.kind == "moved":
            return self._happening(entry, self._moved(data))
        if entry.kind == "insisted":
            text = self._say(T("re-opened: it was closed, and still is not up"))
            return self._happening(entry, text, tone="bad")
        if entry.kind == "set_aside":
            agent = str(data.get("agent", ""))
            text = self._say(
                T("{agent} is silent: the other agent counts", agent=agent)
            )
            return self._happening(entry, text, tone="good")
        if entry.kind == "counts_again":
            agent = str(data.get("agent", ""))
            text = self._say(
                T("{agent} is heard again, and still sees it", agent=agent)
            )
            return self._happening(entry, text, tone="bad")
        if entry.actor.startswith("person:"):
            words = str(data.get("words", ""))
            return self._happening(entry, self._person(entry, data), detail=words)
        if entry.kind == "closed":
            return self._happening(entry, self._closed(data))
        return self._happening(entry, entry.kind)

    def _moved_here(self, entry: Entry, stage: Stage) -> Happening:
        text = T(
            "moved here from {ref}, bad since {since}",
            ref=str(entry.data.get("from", "")),
            since=self._time(words.since(stage)),
        )
        return self._happening(entry, self._say(text), tone="bad")

    def _moved(self, data: dict[str, Any]) -> str:
        ref, subject = str(data.get("ticket", "")), data.get("subject")
        if not subject:
            return self._say(T("goes on in {ref}", ref=ref))
        name = self._translator.title(subject["title"], subject["id"])
        return self._say(T("{subject} goes on in {ref}", subject=name, ref=ref))

    def _person(self, entry: Entry, data: dict[str, Any]) -> str:
        if entry.kind == "severity_set":
            before, after = data.get("from"), int(data.get("to", 0))
            if before is None:
                return self._say(T("severity set to {after}", after=after))
            return self._say(
                T("severity set from {before} to {after}", before=before, after=after)
            )
        if entry.kind == "closed":
            if data.get("condition") == "bad":
                return self._say(T("closed while it is not up"))
            return self._say(T("closed"))
        return self._say(T("note"))

    def _closed(self, data: dict[str, Any]) -> str:
        if data.get("reason") != "quiet":
            return self._say(T("closed"))
        quiet = {"duration": int(data.get("close_after_us", 0))}
        return self._say(T("closed by itself, quiet for {length}", length=quiet))

    def _happening(
        self,
        entry: Entry,
        text: str,
        *,
        at: Instant | None = None,
        kind: str | None = None,
        detail: str = "",
        tone: str = "plain",
    ) -> Happening:
        return Happening(
            at=entry.at if at is None else at,
            kind=entry.kind if kind is None else kind,
            text=text,
            detail=detail,
            actor=entry.actor,
            tone=tone,
        )

    def _say(self, text: Text) -> str:
        return self._translator.render(text, zone=self._zone)

    def _time(self, at: Instant) -> str:
        return self._translator.time(at, self._zone)


_TONES = {
    Kind.OPEN: "bad",
    Kind.RAISE: "bad",
    Kind.REOPEN: "bad",
    Kind.RECOVER: "good",
}


def line_json(line: TicketLine) -> dict[str, Any]:
    """One ticket of a list; instants RFC 3339."""
    return {
        "ref": line.ref,
        "customer": line.customer,
        "site": line.site_id,
        "zone": line.zone,
        "subject": line.subject,
        "title": line.title,
        "origin": line.origin,
        "status": line.status.value,
        "condition": line.condition.value,
        "severity": line.severity,
        "rule": line.rule,
        "since": format_instant(line.since),
        "opened": format_instant(line.received),
        "recovered": None if line.recovered is None else format_instant(line.recovered),
        "closed": None if line.closed is None else format_instant(line.closed),
        "reopen_count": line.reopen_count,
        "reported_late": line.reported_late,
        "storm": line.storm,
        "unstable": line.unstable,
    }


def view_json(view: TicketView, translator: Translator) -> dict[str, Any]:
    """One ticket with its history, as stored and in words."""
    return line_json(view.line) | {
        "previous": view.previous,
        "linked": list(view.linked),
        "history": [
            {
                "at": format_instant(happening.at),
                "kind": happening.kind,
                "text": happening.text,
                "detail": happening.detail,
                "actor": happening.actor,
            }
            for happening in timeline(view, translator)
        ],
        "attachments": [
            {
                "id": one.attachment_id,
                "kind": one.kind,
                "media_type": one.media_type,
                "source": one.source,
                "size": one.size,
                "sha256": one.sha256,
                "taken": format_instant(one.taken),
            }
            for one in view.attachments
        ],
        "incidents": _incidents_json(view, translator),
        "history_left_out": view.left_out,
        "mails_waiting": [
            {
                "kind": mail.kind,
                "state": mail.state,
                "error": mail.error,
                "next": format_instant(mail.next),
            }
            for mail in view.mails
        ],
    }


def _incidents_json(view: TicketView, translator: Translator) -> list[dict[str, Any]]:
    """A page of a storm's incidents; of any other ticket none."""
    if view.storm is None:
        return []
    return [
        {
            "subject": one.name,
            "title": translator.title(one.title, one.name),
            "site": one.site_id,
            "severity": one.severity,
            "condition": one.condition.value,
            "since": format_instant(one.since),
            "until": None if one.ended is None else format_instant(one.ended),
        }
        for one in view.storm.lines
    ]
