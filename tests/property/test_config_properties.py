"""Whatever a site file holds, it is a site or has faults; what is said is kept."""

import string
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from scudo_agent.config import load
from scudo_agent.config.judging import judging_site, load_judging
from scudo_agent.config.schema import site_schema
from scudo_agent.config.yaml_scalars import plain
from scudo_agent.config.yaml_source import parse
from scudo_agent.errors import ConfigError, Fault
from scudo_agent.instant import SECOND
from scudo_agent.probes.registry import SETTINGS
from support.config_files import HEAD, TARGETS
from support.config_kinds import KINDS

ids = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=4).filter(
    # PyYAML writes what YAML 1.1 takes for text; `1e0` is a number in YAML 1.2.
    lambda text: isinstance(plain(text), str) or yaml.safe_dump(text)[0] == "'"
)
spans = st.integers(6, 3600)
beside = st.fixed_dictionaries(
    {},
    optional={
        "interval": spans.map(lambda s: f"{s}s"),
        "confirm": st.integers(1, 9),
        "recover": st.integers(1, 9),
    },
)
probes = st.one_of(
    st.just({"icmp": None}),
    st.builds(lambda n: {"icmp": {"count": n}}, st.integers(1, 20)),
    st.builds(lambda n: {"tcp": n}, st.integers(1, 65535)),
    st.just({"dns": {"name": "acme.example", "type": "MX"}}),
)
checks = st.builds(lambda probe, more: {**probe, **more}, probes, beside)
targets: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "address": st.sampled_from(["192.0.2.1", "2001:db8::1", "a.example"]),
        "checks": st.dictionaries(ids, checks, min_size=1, max_size=3),
    },
    optional={"local": st.booleans()},
)


@st.composite
def sites(draw: st.DrawFn) -> dict[str, Any]:
    """A whole site that is as it should be."""
    found: dict[str, Any]
    found = draw(st.dictionaries(ids, targets, min_size=1, max_size=4))
    paths = [f"{name}/{check}" for name, t in found.items() for check in t["checks"]]
    names = list(found)
    for index, name in enumerate(names):
        # Only on earlier ones, so that there is no circle.
        below = [
            p
            for earlier in names[:index]
            for p in [f"{earlier}/{c}" for c in found[earlier]["checks"]]
            if found[earlier].get("local") or not found[name].get("local")
        ]
        if below:
            some = st.lists(st.sampled_from(below), unique=True, max_size=2)
            found[name]["depends_on"] = draw(some)
    members = st.lists(st.sampled_from(paths), unique=True, min_size=1, max_size=3)
    need = st.sampled_from(["all", "any", {"at_least": 1}])
    service: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
        {"checks": members, "need": need, "contracted": st.booleans()}
    )
    services = draw(st.dictionaries(ids, service, max_size=3))
    taken = {p for s in services.values() if s["contracted"] for p in s["checks"]}
    free = [path for path in paths if path not in taken]
    vantage = st.lists(st.sampled_from(free), unique=True, max_size=2)
    return {
        "version": 1,
        "site": draw(ids),
        "customer": {"id": "acme", "name": "ACME", "mail": "it@acme.example"},
        "timezone": draw(st.sampled_from(["Europe/Rome", "UTC", "Asia/Kathmandu"])),
        "vantage": draw(vantage) if free else [],
        "defaults": {"confirm": draw(st.integers(1, 9))},
        "targets": found,
        "services": services,
    }


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "site.yaml"
    path.write_bytes(
        text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    )
    return path


@given(data=sites(), flow=st.booleans())
@settings(max_examples=50, deadline=None)
def test_what_is_written_is_what_is_loaded(
    folder: Path, data: dict[str, Any], flow: bool
) -> None:
    text = yaml.safe_dump(data, sort_keys=False, default_flow_style=flow)
    path = written(folder, text)
    site = load(path, KINDS)
    assert site.raw == parse(text, "f").data
    assert list(site.targets) == [str(name) for name in data["targets"]]
    for name, target in data["targets"].items():
        assert site.targets[name].address == target["address"]
        assert site.targets[name].depends_on == tuple(target.get("depends_on", ()))
        for key, said in target["checks"].items():
            check = site.checks[f"{name}/{key}"]
            assert check.kind in said
            assert check.confirm == said.get("confirm", data["defaults"]["confirm"])
            assert check.recover == said.get("recover", 2)
            interval = said.get("interval", "60s")
            assert check.interval_us == int(interval[:-1]) * SECOND
    for name, service in data["services"].items():
        assert site.services[name].checks == tuple(service["checks"])
        expected = {"all": len(service["checks"]), "any": 1}
        need = service["need"]
        assert site.services[name].need == expected.get(str(need), 1)
    ours, reduced = judging_site(site), load_judging(path)
    assert list(ours.checks) == list(reduced.checks)
    assert (ours.services, ours.depends_on) == (reduced.services, reduced.depends_on)


@given(data=sites())
@settings(max_examples=25, deadline=None)
def test_a_site_that_loads_is_one_by_the_schema(
    folder: Path, data: dict[str, Any]
) -> None:
    from jsonschema import Draft202012Validator

    text = yaml.safe_dump(data, sort_keys=False)
    load(written(folder, text), KINDS)
    Draft202012Validator(site_schema(KINDS)).validate(parse(text, "f").data)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["gateway/ping", "icmp", "60s", "all", "env:X", "desk"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=6) | ids, inner, max_size=3)
    ),
    max_leaves=8,
)


def faults_of(read: Callable[[], object]) -> tuple[Fault, ...]:
    try:
        read()
    except ConfigError as exc:
        return exc.faults
    return ()


def outcome(path: Path) -> None:
    """Either a site or `ConfigError` with faults that have a place."""
    for read in (lambda: load(path, KINDS), lambda: load_judging(path)):
        found = faults_of(read)
        assert all(f.what and f.line >= 0 and f.column >= 0 for f in found)


@given(raw=st.binary(max_size=200))
@settings(max_examples=120, deadline=None)
def test_any_bytes_are_a_site_or_faults(folder: Path, raw: bytes) -> None:
    outcome(written(folder, raw))


@given(text=st.text("-?:[]{}&*!|>'\"%@`#,~ \t\nab01", max_size=60))
@settings(max_examples=120, deadline=None)
def test_any_yaml_like_text_is_a_site_or_faults(folder: Path, text: str) -> None:
    outcome(written(folder, HEAD + TARGETS + text))


TOP = ["version", "site", "customer", "timezone", "contract", "desk", "networks"]
TOP += ["vantage", "defaults", "credentials", "profiles", "targets", "services"]


@given(key=st.sampled_from(TOP), value=values, under=st.none() | ids)
@settings(max_examples=120, deadline=None)
def test_any_value_anywhere_is_a_site_or_faults(
    folder: Path, key: str, value: Any, under: str | None
) -> None:
    data = yaml.safe_load(HEAD + TARGETS)
    data[key] = value if under is None else {under: value}
    outcome(written(folder, yaml.safe_dump(data, allow_unicode=True)))


SHAPES = ["check", "settings", "credential", "service", "target", "profile"]


@given(shape=st.sampled_from(SHAPES), value=values)
@settings(max_examples=120, deadline=None)
def test_any_value_inside_is_a_site_or_faults(
    folder: Path, shape: str, value: Any
) -> None:
    data = yaml.safe_load(HEAD + TARGETS)
    erp = data["targets"]["erp"]
    if shape == "check":
        erp["checks"]["db"] = value
    elif shape == "settings":
        erp["checks"]["db"] = {"icmp": value}
    elif shape == "credential":
        data["credentials"] = {"lan": {"snmp": value}}
    elif shape == "profile":
        data["profiles"] = {"p": {"checks": {"ping": value}}}
        erp["use"] = "p"
    else:
        data[f"{shape}s"] = {**data.get(f"{shape}s", {}), "x": value}
    outcome(written(folder, yaml.safe_dump(data, allow_unicode=True)))


@given(cut=st.integers(0, 400), more=st.text(max_size=5))
@settings(max_examples=120, deadline=None)
def test_a_damaged_file_is_a_site_or_faults(folder: Path, cut: int, more: str) -> None:
    text = HEAD + "vantage: [gateway/ping]\n" + TARGETS
    outcome(written(folder, text[:cut] + more + text[cut + len(more) :]))


words = st.sampled_from(
    [
        "60s",
        "20%",
        "-1%",
        "9e999s",
        "icmp",
        "/",
        "http://[::1",
        "http://a:99999/",
        "x",
        "2xx",
        "A",
        "up",
        "443",
        "(",
        "\\",
        "https://erp.example/login",
        "IF-MIB::ifOperStatus.2",
        "1.3.6.1",
        "0.0.0.0",
        "env:NO_SUCH_VARIABLE",
        "file:no-such",
    ]
)


@pytest.mark.parametrize("kind", sorted(SETTINGS))
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_any_settings_of_a_real_probe_are_a_site_or_faults(
    folder: Path, kind: str, data: st.DataObject
) -> None:
    names = st.sampled_from(sorted(SETTINGS[kind].model_fields))
    given_values = data.draw(st.dictionaries(names, words | values, max_size=4))
    site = yaml.safe_load(HEAD + TARGETS)
    site["targets"]["erp"]["checks"]["db"] = {kind: given_values}
    path = written(folder, yaml.safe_dump(site, allow_unicode=True))
    found = faults_of(lambda: load(path, SETTINGS))
    assert all(fault.what for fault in found)
    if not found:
        check = load(path, SETTINGS).checks["erp/db"]
        limits = check.settings.degraded_limits() + check.settings.warn_limits()
        assert check.settings.endpoint(check.target.address)
        assert check.settings.reproduce(check.target.address) is not None
        assert all(limit.value for limit in limits)
