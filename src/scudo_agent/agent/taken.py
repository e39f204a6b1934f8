"""The site file that the agent goes by, kept beside its store.

While somebody edits the file, commands that only read must still understand what
the running agent is doing: they fall back to this copy of it.
"""

import json
import logging
from pathlib import Path

from scudo_agent.config.site import Site
from scudo_agent.files import private_file

TAKEN = "site.taken.json"

_log = logging.getLogger(__name__)


def keep_taken(state: Path, site: Site) -> None:
    """Keep the file's data, its secrets as references: JSON is YAML, too."""
    content = json.dumps(site.raw, ensure_ascii=False).encode()
    try:
        private_file(state / TAKEN, content)
    except OSError as exc:
        _log.warning("no copy of the site file is kept: %s", exc.strerror)
