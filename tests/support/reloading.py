"""Random changes of a site file, for the judge, and stories that go on after them."""

import random
from collections.abc import Iterable
from dataclasses import replace

from scudo_agent.instant import SECOND
from scudo_agent.judge.engine import Event
from scudo_agent.judge.site import CheckRule, JudgeSite, ServiceRule
from scudo_agent.model import Observation


def with_a_stranger(site: JudgeSite) -> JudgeSite:
    """One more target that nothing depends on, local, in a service of its own."""
    rule = CheckRule(
        path="stranger/disk", target="stranger", interval_us=60 * SECOND, local=True
    )
    service = ServiceRule(id="stranger", checks=(rule.path,), need=1)
    return replace(
        site,
        # In front of all others: every one gets another place.
        checks={rule.path: rule, **site.checks},
        services={service.id: service, **site.services},
    )


def changed(site: JudgeSite, rng: random.Random) -> JudgeSite:
    """A site file as somebody might have edited it."""
    rules = list(site.checks.values())
    if rng.random() < 0.3:
        rng.shuffle(rules)
    rules = [rule for rule in rules if rng.random() < 0.8] or rules[:1]
    rules = [_redefined(rule, rng) for rule in rules]
    if rng.random() < 0.4:
        number = rng.randint(0, 9)
        path = f"n{number}/ping"
        rules.append(
            CheckRule(
                path=path,
                target=f"n{number}",
                interval_us=30 * SECOND,
                confirm=2,
                local=rng.random() < 0.3,
            )
        )
    checks = {rule.path: rule for rule in rules}
    order = list(checks)
    depends_on = {}
    for target, above in site.depends_on.items():
        kept = tuple(path for path in above if path in checks and rng.random() < 0.9)
        if kept:
            depends_on[target] = kept
    vantage = [path for path in site.vantage if path in checks]
    if rng.random() < 0.3:
        vantage = rng.sample(order, rng.randint(0, 1) % len(order))
    return JudgeSite(
        checks=checks,
        depends_on=depends_on,
        vantage=tuple(vantage),
        services=_services(site, checks, rng),
        reopen_us=site.reopen_us,
    )


def _redefined(rule: CheckRule, rng: random.Random) -> CheckRule:
    if rng.random() < 0.8:
        return rule
    return replace(
        rule,
        confirm=rng.randint(1, 3),
        interval_us=rng.choice([30, 60, 120]) * SECOND,
        definition=str(rng.random()),
    )


def _services(
    site: JudgeSite, checks: Iterable[str], rng: random.Random
) -> dict[str, ServiceRule]:
    known = set(checks)
    found = {}
    for service in site.services.values():
        members = tuple(path for path in service.checks if path in known)
        if not members or rng.random() < 0.1:
            continue
        found[service.id] = replace(
            service,
            checks=members,
            need=min(service.need, len(members)),
            contracted=service.contracted != (rng.random() < 0.2),
        )
    return found


def still_asked(site: JudgeSite, events: Iterable[Event]) -> list[Event]:
    """The events without what is observed of checks that the site has not."""
    return [
        event
        for event in events
        if not isinstance(event, Observation) or event.check in site.checks
    ]
