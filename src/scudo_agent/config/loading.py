"""Loading a site file: the one way from a file to a `Site`, or to its faults."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from scudo_agent.config.checks import CheckReader, Probe, Timing, checked, definition
from scudo_agent.config.contract_file import SoundContract, read_named
from scudo_agent.config.desk_answer import PATH, TARGET, desk_check
from scudo_agent.config.keys import KeyReader
from scudo_agent.config.outline import mapping, outline
from scudo_agent.config.probe import ProbeSettings
from scudo_agent.config.references import reference_faults
from scudo_agent.config.rules import Reading, credential_of, rule_faults
from scudo_agent.config.sections import refuse, validate
from scudo_agent.config.shape import ServiceFile, SiteFile, TargetFile
from scudo_agent.config.site import (
    Check,
    Customer,
    DeskLink,
    Service,
    Site,
    SnmpCredential,
    Target,
)
from scudo_agent.config.yaml_source import read


def load(
    path: Path,
    registry: Mapping[str, type[ProbeSettings]],
    *,
    secrets: bool = True,
    copy: Path | None = None,
) -> Site:
    """Read, validate and resolve a site file.

    `registry` has the settings class of each kind of probe. Everything that is
    wrong with the file is told at once by `ConfigError`. With `secrets` false
    no secret is read and each is empty. With a `copy` its text is read in the
    file's stead; what it refers to is found from the file's own place.
    """
    doc = read(copy or path)
    site, faults = validate(doc, SiteFile)
    view = outline(doc.data)
    checks = CheckReader(doc, registry, base=path.parent, secrets=secrets)
    probes = checked(view, checks, doc.data)
    timings = {
        path: checks.timing(check, site, view.targets[check.target].profile)
        for path, check in view.checks.items()
    }
    reading = Reading(doc=doc, site=site, view=view, probes=probes, timings=timings)
    keys = KeyReader(doc, base=path.parent, secrets=secrets)
    credentials = {n: keys.credential(n, c) for n, c in site.credentials.items()}
    desk = keys.desk(site.desk)
    contract: SoundContract | None = None
    if site.contract is not None and site.desk is None:
        contract, wrong = read_named(doc, site.contract, base=path.parent)
        faults += wrong
    faults += [*checks.faults, *keys.faults]
    if site.desk is not None and TARGET in view.targets:
        what = f"'{TARGET}' is the remote desk itself; give the target another name"
        faults.append(doc.fault(["targets", TARGET], what, key=True))
    faults += [*reference_faults(doc, view), *rule_faults(reading)]
    refuse(doc, faults)
    return _site(path, reading, credentials=credentials, desk=desk, contract=contract)


def _site(
    path: Path,
    reading: Reading,
    *,
    credentials: Mapping[str, SnmpCredential],
    desk: DeskLink,
    contract: SoundContract | None,
) -> Site:
    file, raw = reading.site, reading.doc.data
    targets = {
        name: _target(name, target, reading, credentials)
        for name, target in file.targets.items()
    }
    # What a credential refers to is part of what its checks mean; its value is not.
    references = {
        name: _hash(mapping(raw.get("credentials")).get(name)) for name in credentials
    }
    checks = {}
    for name, raw_check in reading.view.checks.items():
        target = file.targets[raw_check.target]
        credential = references.get(credential_of(file, target) or "")
        checks[name] = _check(
            reading.probes[name],
            reading.timings[name],
            path=name,
            target=targets[raw_check.target],
            reprobe=file.defaults.reprobe,
            credential=credential,
        )
    vantage = file.vantage
    if desk.url is not None:
        checks[PATH] = answer = desk_check(desk.url)
        targets[TARGET] = answer.target
        vantage = (*vantage, PATH)
    return Site(
        path=path,
        id=file.site,
        customer=Customer(**file.customer.model_dump()),
        timezone=file.timezone,
        contract=contract.contract if contract else None,
        contract_id=contract.contract.id if contract else file.contract,
        contract_body=contract.body if contract else None,
        desk=desk,
        networks=file.networks,
        vantage=vantage,
        targets=targets,
        checks=checks,
        services={
            name: _service(name, service, file.customer.language)
            for name, service in file.services.items()
        },
        config_hash=_hash([raw, contract.body if contract else None]),
        raw=raw,
        screenshots=file.screenshots,
    )


def _target(
    name: str,
    file: TargetFile,
    reading: Reading,
    credentials: Mapping[str, SnmpCredential],
) -> Target:
    mentions = reading.view.targets[name].depends_on
    return Target(
        id=name,
        address=file.address,
        local=file.local,
        depends_on=tuple(mention.path for mention in mentions),
        credential=credentials.get(credential_of(reading.site, file) or ""),
    )


def _check(
    probe: Probe,
    timing: Timing,
    *,
    path: str,
    target: Target,
    reprobe: int,
    credential: str | None,
) -> Check:
    uses = credential if probe.settings.CREDENTIAL else None
    return Check(
        path=path,
        target=target,
        kind=probe.kind,
        settings=probe.settings,
        interval_us=timing.interval,
        timeout_us=timing.timeout,
        confirm=timing.confirm,
        recover=timing.recover,
        reprobe_us=reprobe,
        definition=definition(
            probe, timing, beside=[target.address, target.local, uses]
        ),
    )


def _service(name: str, file: ServiceFile, language: str) -> Service:
    return Service(
        id=name,
        title=dict(file.title) or {language: name},
        contracted=file.contracted,
        checks=file.checks,
        need=file.need.of(len(file.checks)),
        need_words=file.need.words,
    )


def _hash(data: object) -> str:
    text = json.dumps(data, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
