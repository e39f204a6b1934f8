"""What commands share: which site, which state folder, is an agent running."""

import argparse
import gc
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scudo_agent.errors import ConfigError, InputError, StoreError

if TYPE_CHECKING:
    from scudo_agent.config.site import Site
    from scudo_agent.store.read import StoreReader

_REOPENINGS = 3
"""Within ten minutes; a service manager may start the program again later."""

_log = logging.getLogger(__name__)

_PLACES = ("site.yaml", "demo/site.yaml", "/etc/scudo-agent/site.yaml")


def add_site(parser: argparse.ArgumentParser, *, positional: bool = False) -> None:
    """The site file and its state folder, for commands about one site."""
    text = f"site file; default: $SCUDO_SITE, else the first of {', '.join(_PLACES)}"
    if positional:
        parser.add_argument("site", nargs="?", type=Path, metavar="SITE", help=text)
    else:
        parser.add_argument("--site", type=Path, metavar="SITE", help=text)
    parser.add_argument(
        "--state",
        type=Path,
        metavar="FOLDER",
        help="where the agent keeps its state; "
        "default: $STATE_DIRECTORY, else 'state' beside the site file",
    )


def site_path(args: argparse.Namespace) -> Path:
    """The site file that is meant; `InputError` if there is none."""
    if args.site is not None:
        return Path(args.site)
    if from_environment := os.environ.get("SCUDO_SITE"):
        return Path(from_environment)
    for place in _PLACES:
        if Path(place).exists():
            return Path(place)
    raise InputError(f"no site file: name one, or have one of {', '.join(_PLACES)}")


def state_folder(args: argparse.Namespace) -> Path:
    """The state folder of the site that is meant."""
    if args.state is not None:
        return Path(args.state)
    # systemd gives several folders separated by colons; the first is ours.
    if from_systemd := os.environ.get("STATE_DIRECTORY"):
        return Path(from_systemd.partition(":")[0])
    return site_path(args).parent / "state"


def private() -> None:
    """What is written from now on is for its owner's eyes only."""
    os.umask(0o077)


def begin_loading() -> None:
    """For programs that stay: no garbage is looked for among what is being loaded."""
    gc.disable()


def loaded() -> None:
    """What was loaded stays: collections begin, and need not look at it."""
    gc.freeze()
    gc.enable()


@contextmanager
def starting() -> Iterator[None]:
    """For commands that start something: faults end with what came of them."""
    try:
        yield
    except ConfigError as exc:
        raise InputError(exc.report()) from None


def reopening(work: Callable[[], int]) -> int:
    """Do `work`, and again when a sync failed: the files are opened anew, checked.

    `SuspectError` once that came too often to be worth another try.
    """
    from scudo_agent.clock import SystemClock
    from scudo_agent.errors import SuspectError
    from scudo_agent.instant import MINUTE

    clock = SystemClock()
    begun: list[int] = []
    while True:
        begun = [at for at in begun if clock.monotonic_us() - at < 10 * MINUTE]
        begun.append(clock.monotonic_us())
        try:
            return work()
        except SuspectError as exc:
            if len(begun) > _REOPENINGS:
                raise
            _log.warning("%s; opened anew, attempt %d", exc, len(begun))


def running(state: Path) -> dict[str, Any] | None:
    """What a running agent wrote about itself; None when none runs."""
    try:
        data: dict[str, Any] = json.loads((state / "agent.json").read_text("utf-8"))
        os.kill(int(data["pid"]), 0)
    except PermissionError:
        return data  # it is another user's, and runs
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None
    return data


def load_site(args: argparse.Namespace, *, secrets: bool = False) -> "Site":
    """The site that is meant: for commands that only read.

    While the file has a fault they go by the version that the running agent has,
    and the fault is told beside.
    """
    from scudo_agent import config
    from scudo_agent.probes.registry import SETTINGS

    path, state = site_path(args), state_folder(args)
    try:
        return config.load(path, SETTINGS, secrets=secrets)
    except ConfigError as exc:
        from scudo_agent.agent.taken import TAKEN

        if running(state) is None or not (state / TAKEN).exists():
            raise
        fault = exc
    try:
        site = config.load(path, SETTINGS, secrets=secrets, copy=state / TAKEN)
    except ConfigError:
        raise fault from None  # what it refers to has a fault, too
    told = "the agent goes on with the version that it had"
    print(f"{fault}\n{told}", file=sys.stderr)
    return site


def load_for_desk(args: argparse.Namespace) -> "Site":
    """The site with what its desk is asked with: secrets only for a remote one."""
    site = load_site(args)
    return site if site.desk.url is None else load_site(args, secrets=True)


def open_store(site: "Site", state: Path) -> "StoreReader":
    """The agent's store, if it is this site's; else `StoreError`."""
    from scudo_agent.store.read import StoreReader

    reader = StoreReader.open(state)
    found = reader.status().site
    if found != site.id:
        reader.close()
        raise foreign_state(state, found, site)
    return reader


def foreign_state(state: Path, found: str, site: "Site") -> StoreError:
    """The state folder is another site's: nothing of it is shown as this one's."""
    return StoreError(
        f"{state}: is the state of site '{found}', and {site.path} is '{site.id}'; "
        "name its folder with --state"
    )


def live_status(state: Path) -> dict[str, Any] | None:
    """The status document of a running agent; None when none answers."""
    import httpx

    agent = running(state)
    if agent is None:
        return None
    url = f"{agent.get('metrics')}/status"
    try:
        reply = httpx.get(url, timeout=5, trust_env=False)
        document: dict[str, Any] = reply.raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        return None
    return document


def current_status(site: "Site", state: Path) -> dict[str, Any]:
    """The status document: of the running agent, else as the store has it."""
    document = live_status(state)
    if document is not None and document["site"] != site.id:
        raise foreign_state(state, document["site"], site)
    if document is None:
        document = _stored(site, state)
        if (agent := running(state)) is not None:
            document["silent_pid"] = agent["pid"]
    return document


def _stored(site: "Site", state: Path) -> dict[str, Any]:
    from scudo_agent.agent.stored import stored_document
    from scudo_agent.clock import SystemClock

    reader = open_store(site, state)
    try:
        return stored_document(site, reader, now=SystemClock().wall())
    finally:
        reader.close()


def left_lines(site: "Site", state: Path, language: str = "en") -> list[str]:
    """What is muted, paused, in a window or soon in one; from the agent's store."""
    from scudo_agent.agent.contracts import with_kept
    from scudo_agent.agent.document import stored_left
    from scudo_agent.cli.left_alone import LeftAlone
    from scudo_agent.clock import SystemClock

    if not (state / "agent.db").exists():
        return []
    reader = open_store(site, state)
    try:
        now = SystemClock().wall()
        document = stored_left(with_kept(site, reader), reader, now)
    finally:
        reader.close()
    return list(LeftAlone(site.timezone, language).lines(document, now))
