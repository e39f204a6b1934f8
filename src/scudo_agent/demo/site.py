"""The demo's files: written once, from then on the user's to change."""

import json
import os
import secrets
import shutil
import socket
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from scudo_agent.clock import Clock
from scudo_agent.demo import certificate, gateway
from scudo_agent.demo.gateway import Gateway
from scudo_agent.demo.process import hold
from scudo_agent.errors import InputError, PortInUseError, ScudoError
from scudo_agent.instant import SECOND, Instant, format_instant

_FOLDERS = ("run", "secrets", "tls", "state", "mail")
_FILES = ("site.yaml", "desk.yaml", "contract.yaml")
PORTS_ENV = "SCUDO_DEMO_PORTS"
_BEYOND_LIMIT = 40_000
_HOST = "127.0.0.1"
_STAND_IN = f"{'':29}# a stand-in on loopback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where the demo's servers, the desk and the metrics listen, on loopback."""

    http: int = 8081
    tls: int = 8443
    snmp: int = 16161
    desk: int = 8080
    metrics: int = 9464


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSite:
    """A demo on disk, ready to run; `lines` is the length of the site file."""

    folder: Path
    ports: Ports
    gateway: Gateway
    wrote: bool
    lines: int

    @property
    def site_path(self) -> Path:
        """The site file."""
        return self.folder / "site.yaml"

    @property
    def desk_path(self) -> Path:
        """The settings of the embedded desk."""
        return self.folder / "desk.yaml"

    @property
    def state(self) -> Path:
        """State folder of agent and desk."""
        return self.folder / "state"

    @property
    def maildir(self) -> Path:
        """Where the desk puts its mails."""
        return self.folder / "mail"

    @property
    def run(self) -> Path:
        """What belongs to the demo's own servers."""
        return self.folder / "run"


def prepare(
    folder: Path,
    *,
    clock: Clock,
    wanted_gateway: str | None = None,
    fresh: bool = False,
) -> DemoSite:
    """Read the demo in `folder`, or write it where there is none.

    What exists is never overwritten unless `fresh`, which forgets tickets and
    mails as well. The certificate is renewed when it must be.
    """
    if fresh:
        _forget(folder)
    record = folder / "run" / "demo.json"
    wrote = not (folder / "site.yaml").exists()
    try:
        if wrote:
            _write(folder, record, clock=clock, wanted_gateway=wanted_gateway)
        certificate.renew(folder / "tls", now=clock.wall())
    except OSError as exc:
        raise ScudoError(f"{exc.filename or folder}: {exc.strerror}") from None
    ports, chosen = _recorded(record)
    text = (folder / "site.yaml").read_text(encoding="utf-8", errors="replace")
    return DemoSite(
        folder=folder,
        ports=ports,
        gateway=chosen,
        wrote=wrote,
        lines=len(text.splitlines()),
    )


def existing(folder: Path) -> DemoSite:
    """The demo that was written in `folder`; `InputError` without one."""
    site = folder / "site.yaml"
    if not site.exists():
        raise InputError(f"{folder}: no demo here; './scudo demo' makes one")
    ports, chosen = _recorded(folder / "run" / "demo.json")
    lines = len(site.read_text(encoding="utf-8", errors="replace").splitlines())
    return DemoSite(
        folder=folder, ports=ports, gateway=chosen, wrote=False, lines=lines
    )


def free_port(first: int, *, udp: bool = False, taken: Iterable[int] = ()) -> int:
    """The first free port on loopback from `first` on."""
    kind = socket.SOCK_DGRAM if udp else socket.SOCK_STREAM
    for port in range(first, min(first + 200, 65536)):
        with socket.socket(socket.AF_INET, kind) as trial:
            if not udp:
                # As servers do: a connection in TIME_WAIT does not hold the port.
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((_HOST, port))
            except OSError:
                continue
        if port not in taken:
            return port
    raise PortInUseError(f"no free port on {_HOST} from {first} on")


def _free_ports() -> Ports:
    default, beyond = Ports(), _beyond()
    http = free_port(default.http + beyond)
    desk = free_port(default.desk + beyond, taken={http})
    return Ports(
        http=http,
        tls=free_port(default.tls + beyond),
        snmp=free_port(default.snmp + beyond, udp=True),
        desk=desk,
        metrics=free_port(default.metrics + beyond),
    )


def _beyond() -> int:
    """How far from the usual ports the search begins."""
    told = os.environ.get(PORTS_ENV, "0")
    if not (told.isascii() and told.isdigit() and int(told) <= _BEYOND_LIMIT):
        raise InputError(
            f"{PORTS_ENV}={told}: what is added to the demo's ports is a number from "
            f"0 to {_BEYOND_LIMIT}"
        )
    return int(told)


def _forget(folder: Path) -> None:
    """Remove what `prepare` and a run wrote, and nothing else."""
    if (folder / "run").is_dir():
        os.close(hold(folder / "run"))  # not under a demo that is running
    for name in _FOLDERS:
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in _FILES:
        (folder / name).unlink(missing_ok=True)


def _recorded(record: Path) -> tuple[Ports, Gateway]:
    try:
        data = json.loads(record.read_text(encoding="utf-8"))
        return Ports(**data["ports"]), Gateway(**data["gateway"])
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            f"{record}: missing or damaged; './scudo demo --fresh' starts over"
        ) from None


def _write(
    folder: Path, record: Path, *, clock: Clock, wanted_gateway: str | None
) -> None:
    now = clock.wall()
    route = gateway.default_route()
    chosen = gateway.choose(wanted_gateway, route=lambda: route)
    ports = _free_ports()
    for name in ("run", "secrets"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in ("snmp-auth", "snmp-priv"):
        secret = folder / "secrets" / name
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_hex(16) + "\n", encoding="ascii")
    record.write_text(
        json.dumps({"ports": asdict(ports), "gateway": asdict(chosen)}, indent=1),
        encoding="utf-8",
    )
    (folder / "contract.yaml").write_text(_text("contract.yaml"), encoding="utf-8")
    (folder / "desk.yaml").write_text(
        _text("desk.yaml", desk=ports.desk), encoding="utf-8"
    )
    # The site file comes last: it is what says that a demo is here.
    new = folder / "run" / "site.yaml.new"
    new.write_text(
        _text(
            "site.yaml",
            at=format_instant(Instant(now - now % SECOND)),
            gateway=chosen.address,
            stand_in="" if chosen.reason is None else _STAND_IN,
            row=gateway.uplink_index(route),
            name=certificate.NAME,
            http=ports.http,
            tls=ports.tls,
            snmp=ports.snmp,
        ),
        encoding="utf-8",
    )
    new.replace(folder / "site.yaml")


def _text(template: str, **values: str | int) -> str:
    """One of the packaged templates with its places filled in."""
    source = files("scudo_agent.demo") / "templates" / template
    return Template(source.read_text(encoding="utf-8")).substitute(values)
