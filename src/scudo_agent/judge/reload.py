"""Another site file while the judge runs (`reliability.md` 1.5).

What the new file says as the old one did is not touched: states, runs, what waits
and who is a member of what stay to the letter. A check that is gone, or whose
definition changed, is unknown from this instant on; an incident whose members have
all gone ends as `retire`, as after a restart.
"""

from collections import Counter
from collections.abc import Iterable

from scudo_agent.incident import AGENT
from scudo_agent.instant import Instant
from scudo_agent.judge.check import CheckState
from scudo_agent.judge.incidents import Incident
from scudo_agent.judge.scene import Scene
from scudo_agent.judge.service import ServiceTally
from scudo_agent.judge.site import JudgeSite
from scudo_agent.judge.topology import Topology
from scudo_agent.model import State


def reload(scene: Scene, site: JudgeSite, at: Instant) -> None:
    """Judge by `site` from `at` on; the instants before are over."""
    before = scene.topology.site
    if _alike(before, site):
        return
    gone = [c for path, c in scene.checks.items() if path not in site.checks]
    changed = [
        check
        for path, check in scene.checks.items()
        if path in site.checks and site.checks[path].definition != check.rule.definition
    ]
    topology = Topology(site)
    scene.unwatch(topology, at)
    _leave(scene, [*gone, *changed], site, at)
    _part(scene, gone)
    fallen = {id_ for id_, one in scene.services.items() if _fell(one)}
    _renew(scene, site, topology)
    for incident in scene.book.open.values():
        _reorder(scene, incident, topology)
    scene.use(topology, left=[*gone, *changed])
    for incident in list(scene.book.open.values()):
        if not incident.members and incident.kind != AGENT:
            scene.book.retire(incident, at)
    for id_, tally in scene.services.items():
        if _fell(tally) and id_ not in fallen:
            scene.book.fell(id_)
    for check in gone:
        scene.drafts.checks.pop(check.path, None)
    if scene.running:
        scene.settle(at)


def _alike(one: JudgeSite, other: JudgeSite) -> bool:
    """The same in the same order: orders decide between equals."""
    return one == other and all(
        list(this) == list(that)
        for this, that in (
            (one.checks, other.checks),
            (one.services, other.services),
        )
    )


def _fell(tally: ServiceTally) -> bool:
    return tally.rule.contracted and tally.state is State.DOWN


def _leave(
    scene: Scene, checks: Iterable[CheckState], site: JudgeSite, at: Instant
) -> None:
    """Nothing is known of these any more: what was asked is asked no more."""
    for check in checks:
        # A new definition is confirmed anew, by a member of an incident too.
        check.redefined = check.state is not State.UNKNOWN
        scene.forget(check, at)
        check.before = None
        check.observed = None
        check.failing = check.stale = check.queued = False
        check.mark = 0
        if check.path in site.checks:
            scene.drafts.touch(check)


def _part(scene: Scene, gone: Iterable[CheckState]) -> None:
    """Checks that are gone are members of nothing, nor have they been."""
    left = dict.fromkeys(gone)
    for incident in [*scene.book.open.values(), *scene.book.recovered()]:
        for check in [check for check in incident.were if check in left]:
            del incident.were[check]
        for check in [check for check in incident.members if check in left]:
            incident.release(check, ())
            scene.drafts.incidents[incident.id] = incident
    for check in left:
        check.incident = None
        check.in_agent = False


def _renew(scene: Scene, site: JudgeSite, topology: Topology) -> None:
    """The checks and services of the new file; who stays is who it was."""
    known = dict(scene.checks)
    scene.checks.clear()
    for path, rule in site.checks.items():
        order = topology.order[path]
        check = known.get(path)
        if check is None:
            check = CheckState(rule, order)
        else:
            check.follow(rule, order)
        scene.checks[path] = check
    scene.services.clear()
    for id_, service in site.services.items():
        tally = scene.services[id_] = ServiceTally(service)
        for path in service.checks:
            tally.move(State.UNKNOWN, scene.checks[path].state)


def _reorder(scene: Scene, incident: Incident, topology: Topology) -> None:
    """Members in the new file's order, and what stands below them in it."""
    incident.ordered.sort(key=lambda check: check.order)
    for check in list(incident.members):
        rule = check.rule
        asked = {"warn": rule.warns, "forecast": rule.forecasts}
        if not asked.get(incident.kind, True):
            # Its limit was taken out: there is nothing to be warned of any more.
            incident.release(check, ())
            scene.drafts.incidents[incident.id] = incident
    if incident.kind != AGENT:
        incident.under = Counter(
            service
            for check in incident.members
            for service in topology.under.get(check.path, ())
        )
