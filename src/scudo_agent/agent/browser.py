"""A browser that looks at one web application, once, and is gone.

The page may be hostile and the agent stands in a customer's network, so the
browser gets nothing of the agent's: another user when the agent is root, an empty
home, no environment, no credentials, its own sandbox, limits and a deadline. It
has no network but a relay to one host, at the address that the check itself would
use (`cage`); every other name and address is "not found" to it.
"""

import asyncio
import logging
import os
import pwd
import shutil
import signal
import socket
import stat
import sys
import tempfile
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from scudo_agent.agent.cage import PORT, WORD
from scudo_agent.agent.relay import relayed
from scudo_agent.locale import translator
from scudo_agent.picture import PICTURE_LIMIT, NoPictureError, look
from scudo_agent.probes.connect import NoAnswerError, Resolved, host_port, resolve
from scudo_agent.probes.http import HttpSettings
from scudo_agent.probes.spki import key_of

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DEADLINE_S = 20.0
"""For a whole picture, from the look-up of the name to the end of the browser."""

WIDTH, HEIGHT = 1280, 800
_LOAD_MS = 10_000
"""A page that has not loaded by then is shown as far as it came."""

_SCALES = ("1", "0.5")
"""A picture that is too large is taken once more, in fewer pixels."""

_USER = "nobody"
_PREFIX = "scudo-browser-"
_SHOT, _LOG, _PROFILE = "shot.png", "log", "profile"
_LOG_TAIL = 4096
_END_S = 2.0
_CAGE_S = 5.0
_FLAGS = (
    "--headless=new",
    "--hide-scrollbars",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-breakpad",
    "--disable-crash-reporter",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--deny-permission-prompts",
    "--dns-prefetch-disable",
    "--no-pings",
    "--no-proxy-server",
    "--password-store=basic",
    "--js-flags=--max-old-space-size=256",
    f"--window-size={WIDTH},{HEIGHT}",
    f"--timeout={_LOAD_MS}",
)
_log = logging.getLogger(__name__)


class NoShotError(Exception):
    """There is no picture; `str` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What to look at: a check's settings, and where it may connect to."""

    settings: HttpSettings
    allowed: Callable[[str], bool]


def find() -> str | None:
    """The path of a browser on this machine, None without one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def tidy() -> None:
    """Remove the homes that agents left which were killed; blocks on the disk."""
    for home in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        pid = home.name.removeprefix(_PREFIX).partition("-")[0]
        try:
            ours = home.lstat().st_uid == os.geteuid()
        except OSError:  # another agent was faster
            continue
        if ours and pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(home, ignore_errors=True)


async def shoot(browser: str, view: View, *, deadline_s: float = DEADLINE_S) -> bytes:
    """A PNG of what a person would see; `NoShotError` when there is none to be had.

    Whatever the page does, nothing of the browser is left at the end.
    """
    try:
        async with asyncio.timeout(deadline_s):
            road = await _road(view)
            for scale in _SCALES:
                content = await _once(browser, scale, view.settings.parsed.text, road)
                if len(content) <= PICTURE_LIMIT:
                    break
    except TimeoutError:
        raise NoShotError(f"no picture within {deadline_s:g} s") from None
    except NoAnswerError as exc:
        raise NoShotError(translator("en").render(exc.seen)) from None
    except OSError as exc:
        raise NoShotError(f"{browser}: {exc.strerror or exc}") from None
    try:
        look(content)
    except NoPictureError as exc:
        raise NoShotError(f"the browser left what is no picture: {exc}") from None
    return content


@dataclass(frozen=True, slots=True, kw_only=True)
class _Road:
    """The only way out: which ports of which address, and the flags that take it."""

    to: Resolved
    ports: tuple[int, ...]
    flags: tuple[str, ...]


async def _road(view: View) -> _Road:
    """To the address that the check would connect to."""
    settings = view.settings
    url = settings.parsed
    to = await resolve(url.host, view.allowed, family=settings.address_family)
    # The usual way from http to https is the only other port.
    ports = (url.port, 443) if url.port == 80 else (url.port,)
    rules = [
        f"MAP {host_port(url.host, port)} 127.0.0.1:{PORT.format(place)}"
        for place, port in enumerate(ports)
    ]
    flags = [f"--host-resolver-rules={','.join([*rules, 'MAP * ~NOTFOUND'])}"]
    if url.secure and settings.trust != (True, None):
        # The browser believes in the very key that the check believes in.
        key = await key_of(to, url, settings.trust)
        flags.append(f"--ignore-certificate-errors-spki-list={key}")
    return _Road(to=to, ports=ports, flags=tuple(flags))


async def _once(browser: str, scale: str, url: str, road: _Road) -> bytes:
    """Run the browser in a home of its own; what it left as its picture."""
    loop = asyncio.get_running_loop()
    work = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    try:
        home = work / "home"
        command = [
            *(browser, *_FLAGS, *road.flags, f"--force-device-scale-factor={scale}"),
            f"--user-data-dir={home / _PROFILE}",
            f"--screenshot={home / _SHOT}",
            url,
        ]
        await _run(command, work, home, road)
        return await loop.run_in_executor(None, _read, work)
    finally:
        gone = loop.run_in_executor(None, shutil.rmtree, work, True)
        await asyncio.shield(gone)


async def _run(command: list[str], work: Path, home: Path, road: _Road) -> None:
    """Let the caged browser come to its end, and relay meanwhile."""
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    with ours, (work / _LOG).open("wb") as log:
        with theirs:
            process = await _start(command, home, len(road.ports), theirs, log)
        try:
            ours.settimeout(_CAGE_S)
            found = await loop.run_in_executor(
                None, socket.recv_fds, ours, 1, len(road.ports)
            )
            listening = [socket.socket(fileno=one) for one in found[1]]
            if len(listening) == len(road.ports):
                async with relayed(listening, road.to, road.ports):
                    await process.wait()
        finally:
            await asyncio.shield(_end(process))


async def _start(
    command: list[str], home: Path, sockets: int, theirs: socket.socket, log: IO[bytes]
) -> Process:
    uid, gid = _make_home(home)
    cage = [theirs.fileno(), sockets, os.getpid(), uid, gid]
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-m", "scudo_agent.agent.cage"),
        *(str(one) for one in cage),
        *command,
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=log,
        cwd=home,
        env=_environment(home),
        start_new_session=True,
        pass_fds=(theirs.fileno(),),
    )


def _make_home(home: Path) -> tuple[int, int]:
    """An empty home; whose it is: another user's when the agent is root."""
    home.mkdir(mode=0o700)
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    user = pwd.getpwnam(_USER)
    home.parent.chmod(0o711)
    os.chown(home, user.pw_uid, user.pw_gid)
    return user.pw_uid, user.pw_gid


def _environment(home: Path) -> dict[str, str]:
    """Nothing of the agent's own: it may hold secrets."""
    places = ("HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR")
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "DBUS_SESSION_BUS_ADDRESS": "unix:path=/dev/null",
        **dict.fromkeys(places, str(home)),
    }


async def _end(process: Process) -> None:
    """Kill all that is left of the browser's session, and see it gone."""
    loop = asyncio.get_running_loop()
    until = loop.time() + _END_S
    while left := session(process.pid):
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if loop.time() > until:
            _log.error("processes of a browser cannot be killed: %s", left)
            break
        await asyncio.sleep(0.02)
    await process.wait()


def session(leader: int) -> list[int]:
    """Living processes of the session that `leader` began."""
    found = []
    for place in Path("/proc").iterdir():
        if not place.name.isdigit():
            continue
        try:
            text = (place / "stat").read_text("utf-8", "replace")
        except OSError:  # it ended meanwhile
            continue
        state, _, _, sid, *_ = text.rpartition(")")[2].split()
        if int(sid) == leader and state not in "ZX":
            found.append(int(place.name))
    return found


def _read(work: Path) -> bytes:
    """The picture, if it is a file and no trick; else why there is none."""
    try:
        handle = os.open(
            work / "home" / _SHOT, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        )
    except OSError:
        raise NoShotError(_said(work / _LOG)) from None
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise NoShotError("the browser left what is no file")
        return file.read(PICTURE_LIMIT + 1)


def _said(log: Path) -> str:
    """What the browser gives as the reason: the last of its lines that has one."""
    with log.open("rb") as file:
        file.seek(max(log.stat().st_size - _LOG_TAIL, 0))
        tail = file.read(_LOG_TAIL).decode("ascii", "replace")
    words = ("Page load failed", "sandbox", WORD)
    lines = [line for word in words for line in tail.splitlines() if word in line]
    if not lines:
        return "the browser took no picture"
    reason = lines[-1].rpartition("] ")[2]
    return f"the browser took no picture: {reason[:200]}"
