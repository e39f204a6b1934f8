"""`scudo-agent bundle`: a support archive without secrets."""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scudo_agent.cli.common import (
    add_site,
    current_status,
    load_site,
    open_store,
    private,
    running,
    site_path,
    state_folder,
)
from scudo_agent.errors import InputError

if TYPE_CHECKING:
    from scudo_agent.agent.bundle import Part
    from scudo_agent.agent.redaction import Redactor

_KEYS = ("desk.key", "desk.key.before", "desk.key.next", "desk.key.joining")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `bundle`."""
    add_site(parser, positional=True)
    parser.add_argument(
        "--to",
        type=Path,
        metavar="FILE",
        help="where to; default: scudo-bundle-TIME.tar.gz here",
    )
    parser.add_argument(
        "--desk", type=Path, metavar="FILE", help="desk settings of an embedded desk"
    )
    parser.add_argument(
        "--log", type=Path, metavar="FILE", help="a log that the agent does not name"
    )


def run(args: argparse.Namespace) -> int:
    """Gather, leave out, write, say what is in it."""
    from scudo_agent.agent.bundle import write
    from scudo_agent.clock import SystemClock
    from scudo_agent.instant import format_instant

    private()
    if not site_path(args).exists():
        raise InputError(f"{site_path(args)}: there is no such file")
    at = SystemClock().wall()
    stamp = f"{format_instant(at):.19}".replace("-", "").replace(":", "")
    target = args.to or Path(f"scudo-bundle-{stamp}Z.tar.gz")
    names = write(target, _parts(args), _redactor(args), at=at)
    print(f"{target}: {', '.join(names)}")
    print("without secrets and mail addresses; look into it before you send it")
    return 0


def _parts(args: argparse.Namespace) -> dict[str, "Part"]:
    from scudo_agent.agent import bundle
    from scudo_agent.clock import SystemClock

    state = state_folder(args)
    parts: dict[str, Part] = {
        "versions.json": lambda: bundle.versions(SystemClock().wall()),
        "site.json": lambda: _settings(site_path(args)),
        "desk.json": lambda: _settings(_desk_file(args)),
        "status.json": lambda: current_status(load_site(args), state),
        "doctor.json": lambda: _doctor(args),
        "store.json": lambda: bundle.database(state / "agent.db"),
        "desk-store.json": lambda: bundle.database(state / "desk.db"),
        "outbox.json": lambda: _outbox(args),
    }
    for log in _logs(args):
        parts[f"log/{log.name}"] = partial(bundle.last_lines, log)
    return parts


def _desk_file(args: argparse.Namespace) -> Path:
    return Path(args.desk or site_path(args).parent / "desk.yaml")


def _raw(path: Path) -> Any:
    """A file's data; None when there is none, or it cannot be read."""
    import yaml

    try:
        return yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return None


def _settings(path: Path) -> Any:
    from scudo_agent.agent.redaction import settings

    raw = _raw(path)
    return f"{path.name}: not there, or no YAML\n" if raw is None else settings(raw)


def _redactor(args: argparse.Namespace) -> "Redactor":
    """Of all secrets that settings name, and of the agent's own keys."""
    from scudo_agent.agent.redaction import Redactor, secrets_of

    known: list[str] = []
    for path in (site_path(args), _desk_file(args)):
        known += secrets_of(_raw(path), path.parent)
    for folder in (state_folder(args), site_path(args).parent):
        for name in _KEYS:
            try:
                known.append((folder / name).read_text("utf-8", "replace"))
            except OSError:
                continue  # there is none, or it cannot get into the archive
    return Redactor(known)


def _doctor(args: argparse.Namespace) -> Any:
    import asyncio

    from scudo_agent.agent import health
    from scudo_agent.config import load
    from scudo_agent.probes.registry import SETTINGS

    site = load(site_path(args), SETTINGS)
    found = health.examine(site, state_folder(args), _desk_file(args))
    return [one.as_json() for one in asyncio.run(found)]


def _outbox(args: argparse.Namespace) -> Any:
    from scudo_agent.cli.outbox import documents

    reader = open_store(load_site(args), state_folder(args))
    try:
        return documents(reader)
    finally:
        reader.close()


def _logs(args: argparse.Namespace) -> list[Path]:
    """The logs that are files: what the agent says, and what the command names."""
    state = state_folder(args)
    said = running(state) or {}
    try:
        said = said or json.loads((state / "agent.json").read_text("utf-8"))
    except (OSError, ValueError):
        said = {}
    found = [Path(str(said["log"]))] if said.get("log") else []
    return [*found, *([args.log] if args.log else [])]
