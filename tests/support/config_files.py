"""Site files for tests: a small whole one, and a way to write and load it."""

from pathlib import Path

from scudo_agent.config import load
from scudo_agent.config.site import Site
from scudo_agent.errors import ConfigError
from support.config_kinds import KINDS

HEAD = """\
version: 1
site: acme-milano
customer: {id: acme, name: ACME S.p.A., mail: it@acme.example}
timezone: Europe/Rome
"""
TARGETS = """\
targets:
  gateway: {address: 192.0.2.1, checks: {ping: icmp}}
  erp: {address: erp.acme.example, checks: {db: {tcp: 5432}}}
"""


def write(folder: Path, text: str) -> Path:
    """A site file with this text."""
    path = folder / "site.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def loaded(folder: Path, text: str, *, secrets: bool = True) -> Site:
    """The site of this text, with the small kinds of probes."""
    return load(write(folder, text), KINDS, secrets=secrets)


def faults(folder: Path, text: str) -> list[str]:
    """What is wrong with this text: `line:column: what`, in order."""
    try:
        loaded(folder, text)
    except ConfigError as exc:
        return [f"{f.line}:{f.column}: {f.what}" for f in exc.faults]
    return []
