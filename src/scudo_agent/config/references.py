"""Faults between the parts of a site file: names, circles, what may be what."""

from collections.abc import Iterable, Iterator

from scudo_agent.config.document import Document, Loc
from scudo_agent.config.outline import HEARTBEAT, Mention, Outline
from scudo_agent.config.suggest import or_choices
from scudo_agent.errors import Fault


def reference_faults(doc: Document, view: Outline) -> list[Fault]:
    """All faults of references between checks, targets and services."""
    return [
        *_vantage(doc, view),
        *_depends(doc, view),
        *_circles(doc, view),
        *_services(doc, view),
    ]


def _vantage(doc: Document, view: Outline) -> Iterator[Fault]:
    contracted = {
        mention.path: service.id
        for service in reversed(view.services.values())
        if service.contracted
        for mention in service.checks
    }
    yield from _repeated(doc, view.vantage, "vantage")
    for mention in view.vantage:
        if mention.path not in view.checks:
            what = f"vantage names {_unknown(mention, view)}"
            yield doc.fault(mention.loc, what)
        elif mention.path in contracted:
            what = (
                f"'{mention.path}' belongs to the contracted service "
                f"'{contracted[mention.path]}' and cannot be a vantage check: "
                "its failure is an outage, not an excuse"
            )
            yield doc.fault(mention.loc, what)


def _depends(doc: Document, view: Outline) -> Iterator[Fault]:
    told: set[Loc] = set()
    for target in view.targets.values():
        yield from _repeated(doc, target.depends_on, f"depends_on of '{target.id}'")
        for mention in target.depends_on:
            # What a profile says wrongly is told once, not for each of its targets.
            if mention.loc in told:
                continue
            told.add(mention.loc)
            if mention.path not in view.checks:
                what = f"target '{target.id}' depends on {_unknown(mention, view)}"
                yield doc.fault(mention.loc, what)
            elif target.local and not is_local(view, mention.path):
                what = (
                    f"target '{target.id}' is local and depends on "
                    f"'{mention.path}', which is not: a local target "
                    "depends only on local ones"
                )
                yield doc.fault(mention.loc, what)


def is_local(view: Outline, path: str) -> bool:
    """Whether a check needs nothing outside this host (L of `judging.md`)."""
    check = view.checks[path]
    if view.targets[check.target].local:
        return True
    return HEARTBEAT in (check.merged() or {})


def _circles(doc: Document, view: Outline) -> Iterator[Fault]:
    """Each circle of depends_on once, where it closes; without recursion."""
    done: set[str] = set()
    for start in view.targets:
        way: list[Mention] = []
        on_way: dict[str, int] = {start: 0}
        open_: list[tuple[str, Iterator[Mention]]] = []
        if start not in done:
            open_.append((start, iter(view.targets[start].depends_on)))
        while open_:
            target, rest = open_[-1]
            mention = next(rest, None)
            if mention is None:
                done.add(target)
                open_.pop()
                on_way.pop(target)
                if way:
                    way.pop()
                continue
            below = _target_of(view, mention)
            if below is None or below in done:
                continue
            if below in on_way:
                yield _circle(doc, [*way[on_way[below] :], mention])
                continue
            way.append(mention)
            on_way[below] = len(way)
            open_.append((below, iter(view.targets[below].depends_on)))


def _circle(doc: Document, way: list[Mention]) -> Fault:
    steps = " → ".join(mention.path for mention in [way[-1], *way])
    return doc.fault(way[-1].loc, f"depends_on goes round in a circle: {steps}")


def _target_of(view: Outline, mention: Mention) -> str | None:
    target = mention.path.partition("/")[0]
    return target if target in view.targets else None


def _services(doc: Document, view: Outline) -> Iterator[Fault]:
    for service in view.services.values():
        yield from _repeated(doc, service.checks, f"service '{service.id}'")
        for mention in service.checks:
            if mention.path not in view.checks:
                what = f"service '{service.id}' needs {_unknown(mention, view)}"
                yield doc.fault(mention.loc, what)
        members = len(service.checks)
        if service.at_least is not None and service.at_least > members > 0:
            what = (
                f"service '{service.id}' needs at least {service.at_least} "
                f"of its checks and has only {members}"
            )
            yield doc.fault((*service.loc, "need", "at_least"), what)


def _unknown(mention: Mention, view: Outline) -> str:
    hint = or_choices(mention.path, view.checks, there="the file's checks are")
    return f"'{mention.path}', which is no check{hint}"


def _repeated(
    doc: Document, mentions: Iterable[Mention], where: str
) -> Iterator[Fault]:
    seen: set[str] = set()
    for mention in mentions:
        if mention.path in seen:
            what = f"{where} names '{mention.path}' twice"
            yield doc.fault(mention.loc, what)
        seen.add(mention.path)
