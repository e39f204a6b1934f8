"""The page of the probes names every setting."""

import re
from pathlib import Path

import pytest

from scudo_agent.config.probe import Model
from scudo_agent.probes.registry import SETTINGS

PAGE = Path(__file__).parents[2] / "docs" / "probes.md"


@pytest.mark.parametrize("kind", ["icmp", "tcp", "dns", "host"])
def test_every_setting_is_on_the_page(kind: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    section = re.split(r"^## ", text.partition(f"\n## {kind}\n")[2], flags=re.M)[0]
    told = set(re.findall(r"`([a-z_.]+)(?:: true)?`", section))
    for name, field in SETTINGS[kind].model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Model):
            assert {f"{name}.{key}" for key in inner.model_fields} <= told
        else:
            assert name in told
