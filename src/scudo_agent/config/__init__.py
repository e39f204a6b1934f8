"""Site files: loading, validating, resolving."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scudo_agent.config.probe import ProbeSettings
    from scudo_agent.config.site import Site


def load(
    path: Path,
    registry: "Mapping[str, type[ProbeSettings]]",
    *,
    secrets: bool = True,
    copy: Path | None = None,
) -> "Site":
    """Read, validate and resolve a site file; see `config.loading.load`.

    Probes import this package for their settings' base class alone: what
    loading needs is imported when a file is loaded.
    """
    from scudo_agent.config import loading

    return loading.load(path, registry, secrets=secrets, copy=copy)
