"""Evidence that waits for the desk: files in the agent's state.

Not in the store: pictures are large, and losing one loses no ticket. A picture is
there when its `.json` is, which is put in its place last; over a kill it stays.
"""

import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from scudo_agent.errors import InputError
from scudo_agent.instant import DAY, Instant, format_instant, parse_instant

FOLDER = "evidence"
KEPT = 100
"""Pictures that wait, at most: without a desk the disk must not fill up."""

KEPT_US = 7 * DAY
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A screenshot of the stage `rev` of an incident; `check` is what it shows."""

    incident_id: str
    rev: int
    check: str
    taken: Instant

    @property
    def name(self) -> str:
        """Of its files, without what tells them apart."""
        return f"{self.incident_id}.{self.rev}"


class EvidenceFolder:
    """All methods block on the disk: call them off the loop."""

    def __init__(self, state: Path) -> None:
        self._folder = state / FOLDER

    def keep(self, evidence: Evidence, content: bytes) -> bool:
        """Keep a picture until it is delivered; false when too many wait."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        if len(list(self._folder.glob("*.json"))) >= KEPT:
            return False
        facts = {
            "incident_id": evidence.incident_id,
            "rev": evidence.rev,
            "check": evidence.check,
            "taken": format_instant(evidence.taken),
        }
        _put(self._folder / f"{evidence.name}.png", content)
        _put(self._folder / f"{evidence.name}.json", json.dumps(facts).encode())
        return True

    def waiting(self, now: Instant) -> list[Evidence]:
        """What is to be delivered, oldest first; what is too old or broken goes."""
        found: list[Evidence] = []
        for path in self._folder.glob("*.json"):
            one = _read(path)
            if one is None or one.name != path.stem or now - one.taken > KEPT_US:
                _log.warning("%s: evidence is given up: too old, or damaged", path)
                self._drop(path.stem)
            else:
                found.append(one)
        return sorted(found, key=lambda one: (one.taken, one.name))

    def content(self, evidence: Evidence) -> bytes:
        """The picture; `OSError` if it is gone."""
        return (self._folder / f"{evidence.name}.png").read_bytes()

    def drop(self, evidence: Evidence) -> None:
        """It was delivered, or never will be."""
        self._drop(evidence.name)

    def _drop(self, name: str) -> None:
        for kind in ("json", "png"):
            (self._folder / f"{name}.{kind}").unlink(missing_ok=True)

    def tidy(self) -> None:
        """Remove what a kill left half written: files that no `.json` speaks of."""
        for path in [*self._folder.glob("*.png"), *self._folder.glob("*.new")]:
            if path.suffix == ".new" or not path.with_suffix(".json").exists():
                path.unlink(missing_ok=True)


def _put(path: Path, content: bytes) -> None:
    """Put a file in its place as a whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _read(path: Path) -> Evidence | None:
    try:
        facts = json.loads(path.read_bytes())
        return Evidence(
            incident_id=str(facts["incident_id"]),
            rev=int(facts["rev"]),
            check=str(facts["check"]),
            taken=parse_instant(facts["taken"]),
        )
    except (OSError, ValueError, KeyError, TypeError, InputError):
        return None
