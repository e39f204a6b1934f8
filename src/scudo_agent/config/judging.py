"""What judging needs of a site file, whole or reduced (`judging.md`)."""

from pathlib import Path

from scudo_agent.config.checks import CheckReader
from scudo_agent.config.contract_file import read_named
from scudo_agent.config.desk_answer import with_desk_answer
from scudo_agent.config.outline import Outline, RawCheck, outline
from scudo_agent.config.references import is_local, reference_faults
from scudo_agent.config.sections import refuse, validate
from scudo_agent.config.shape import Lenient, SiteFile
from scudo_agent.config.site import Site
from scudo_agent.config.yaml_source import read
from scudo_agent.judge.site import CheckRule, JudgeSite, ServiceRule

_REOPEN_US = JudgeSite(checks={}).reopen_us


def judging_site(site: Site) -> JudgeSite:
    """The judge's view of a loaded site."""
    return JudgeSite(
        checks={
            path: CheckRule(
                path=path,
                target=check.target.id,
                interval_us=check.interval_us,
                confirm=check.confirm,
                recover=check.recover,
                local=check.target.local,
                definition=check.definition,
                warns=bool(check.settings.warn_limits()),
                forecasts=check.settings.trend(check.target.address) is not None,
            )
            for path, check in site.checks.items()
        },
        depends_on={t.id: t.depends_on for t in site.targets.values() if t.depends_on},
        vantage=site.vantage,
        services={
            service.id: ServiceRule(
                id=service.id,
                checks=service.checks,
                need=service.need,
                contracted=service.contracted,
            )
            for service in site.services.values()
        },
        reopen_us=site.contract.tickets.reopen_us if site.contract else _REOPEN_US,
    )


def load_judging(path: Path) -> JudgeSite:
    """Read a site file, or one with only the keys that judging needs.

    Of a check only what stands beside its probe is read, so that the kinds of
    probes need not be known. Faults raise `ConfigError`, all at once.
    """
    doc = read(path)
    site, faults = validate(doc, Lenient)
    view = outline(doc.data)
    reader = CheckReader(doc, {}, base=path.parent)
    rules = {
        check.path: _rule(check, view, reader, site) for check in view.checks.values()
    }
    faults += [*reader.faults, *reference_faults(doc, view)]
    reopen_us = _REOPEN_US
    if site.contract is not None and site.desk is None:
        contract, wrong = read_named(doc, site.contract, base=path.parent)
        faults += wrong
        reopen_us = contract.contract.tickets.reopen_us if contract else _REOPEN_US
    refuse(doc, faults)
    judged = JudgeSite(
        checks=rules,
        depends_on={
            target.id: tuple(mention.path for mention in target.depends_on)
            for target in view.targets.values()
            if target.depends_on
        },
        vantage=site.vantage,
        services={
            name: ServiceRule(
                id=name,
                checks=service.checks,
                need=service.need.of(len(service.checks)),
                contracted=service.contracted,
            )
            for name, service in site.services.items()
        },
        reopen_us=reopen_us,
    )
    return judged if site.desk is None else with_desk_answer(judged)


def _rule(
    check: RawCheck, view: Outline, reader: CheckReader, site: SiteFile
) -> CheckRule:
    timing = reader.timing(check, site, view.targets[check.target].profile)
    interval, confirm = timing.interval, timing.confirm
    beat = reader.heartbeat(check)
    if beat is not None:
        # A heartbeat's interval is `every` + `grace`; its absence confirms at once.
        interval, confirm = beat.every + beat.grace, 1
    return CheckRule(
        path=check.path,
        target=check.target,
        interval_us=interval,
        confirm=confirm,
        recover=timing.recover,
        local=is_local(view, check.path),
    )
