"""The registry of the kinds of probes, ours and other packages'."""

import asyncio
import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import ClassVar

import pytest

from scudo_agent.config.probe import ProbeSettings
from scudo_agent.errors import InputError
from scudo_agent.probes import registry
from scudo_agent.probes.port import Job, Probe
from scudo_agent.probes.simple import SimpleEngine


class BellSettings(ProbeSettings):
    KIND: ClassVar[str] = "bell"


async def ring(_job: Job) -> None:
    return None


BELL = Probe(BellSettings, lambda: SimpleEngine(ring))  # type: ignore[arg-type]
NO_PROBE = BellSettings


def offer(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """Another package with an entry point of our group."""
    entry = EntryPoint(name=name, value=value, group=registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [entry])
    monkeypatch.setitem(sys.modules, "bells", sys.modules[__name__])


def test_every_kind_has_its_settings_and_an_engine() -> None:
    ours = {"dns", "host", "http", "icmp", "snmp", "tcp", "tls"}
    assert ours <= set(registry.SETTINGS)

    async def made() -> None:
        for kind, settings in registry.SETTINGS.items():
            assert kind == settings.KIND
            engine = registry.engine(kind)
            assert callable(engine.submit)

    asyncio.run(made())


def test_another_package_adds_a_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, "bell", "bells:BELL")
    assert registry._all()["bell"] is BELL


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("bell", "no_such_package:BELL", "cannot be loaded"),
        ("bell", "bells:GONG", "cannot be loaded"),
        ("bell", "bells:NO_PROBE", "is no port.Probe of that kind"),
        ("gong", "bells:BELL", "is no port.Probe of that kind"),
        ("icmp", "bells:BELL", "has the name of another one"),
    ],
)
def test_a_package_that_brings_no_probe_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    offer(monkeypatch, name, value)
    with pytest.raises(InputError) as raised:
        registry._all()
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_settings_need_none_of_the_probes_libraries() -> None:
    """`check` and `--version` stay quick: engines import what they work with."""
    heavy = "{'icmplib', 'psutil', 'dns', 'pysnmp', 'gufo', 'ssl'}"
    script = (
        "import sys; before = set(sys.modules); "
        "import scudo_agent.probes.registry; "
        f"print(sorted({heavy} & (set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import asyncio; {script}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
