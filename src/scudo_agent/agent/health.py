"""What `doctor` looks at: rights, clock, names, disk, desk, mail."""

import asyncio
import ctypes
import os
import shutil
import smtplib
import socket
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from scudo_agent.agent.browser import find
from scudo_agent.agent.contracts import disagreement
from scudo_agent.agent.finding import Finding, ago, fine
from scudo_agent.clock import STEP_US, Clock, SystemClock
from scudo_agent.config.site import Site
from scudo_agent.dbfile.backup import last_taken
from scudo_agent.desk.settings import DeskSettings, load_desk_settings
from scudo_agent.errors import InputError, ScudoError, StoreError
from scudo_agent.instant import DAY, SECOND, local_stamp
from scudo_agent.store.backup import AGENT
from scudo_agent.store.damage import Loss, losses
from scudo_agent.store.read import FILE, StoreReader
from scudo_agent.store.values import Intervention, InterventionKind, WindowCopy
from scudo_agent.ticketing.key import bearer
from scudo_agent.wire_site import ContractState

_LOW_BYTES = 200 * 2**20
_TIMEOUT_S = 5.0
_UNSYNCHRONISED = 0x40
"""`STA_UNSYNC` of adjtimex(2): nothing disciplines the clock."""


async def examine(site: Site, state: Path, desk_file: Path) -> list[Finding]:
    """Look at everything that the agent of `site` needs."""
    findings = [
        *_rights(site),
        *_browser(site),
        *clock_findings(SystemClock()),
        *disk_findings(state),
        *store_findings(state, site.timezone),
    ]
    findings += await _names(site)
    if site.desk.url is None:
        findings += await asyncio.to_thread(lambda: list(_embedded(desk_file, state)))
    else:
        findings += await _remote(site)
    return findings


def _rights(site: Site) -> Iterator[Finding]:
    if not any(check.kind == "icmp" for check in site.checks.values()):
        return
    from scudo_agent.probes.icmp import socket_kind

    kind = socket_kind()
    if kind is not None:
        yield fine("rights", f"ICMP by a {kind}")
        return
    yield Finding(
        about="rights",
        level="fault",
        seen="neither raw nor datagram ICMP sockets are allowed",
        remedy="give the agent CAP_NET_RAW, or let its group ping: "
        f"sysctl net.ipv4.ping_group_range='{os.getgid()} {os.getgid()}'",
    )


def _browser(site: Site) -> Iterator[Finding]:
    if not any(check.kind == "http" for check in site.checks.values()):
        return
    if not site.screenshots:
        yield fine("browser", "not wanted: the site file says 'screenshots: false'")
        return
    browser = find()
    if browser is not None:
        yield fine("browser", f"{browser} takes screenshots for tickets")
        return
    yield Finding(
        about="browser",
        level="warning",
        seen="none is installed: tickets about web applications have no screenshot",
        remedy="apt install chromium, or say 'screenshots: false' in the site file",
    )


class _Timex(ctypes.Structure):
    # struct timex of adjtimex(2); only `modes` and `status` are looked at.
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def clock_findings(clock: Clock) -> Iterator[Finding]:
    """Whether the machine's clock can be believed."""
    if clock.wall() < 1_767_225_600 * SECOND:
        yield Finding(
            about="clock",
            level="fault",
            seen="the clock says it is before 2026",
            remedy="set it, and let NTP keep it (timedatectl set-ntp true)",
        )
        return
    timex = _Timex()
    state = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))
    if state >= 0 and not timex.status & _UNSYNCHRONISED:
        yield fine("clock", "disciplined by NTP or the like")
        return
    yield Finding(
        about="clock",
        level="warning",
        seen="the kernel knows of no time source that disciplines the clock",
        remedy="let NTP keep it (timedatectl set-ntp true); in a container this "
        "may be the host's business",
    )


def disk_findings(state: Path) -> Iterator[Finding]:
    """Whether the state folder can be written, and how much room there is."""
    folder = next(
        p for p in (state.absolute(), *state.absolute().parents) if p.is_dir()
    )
    if not os.access(folder, os.W_OK):
        yield Finding(
            about="disk",
            level="fault",
            seen=f"{folder} cannot be written",
            remedy="run as the user that owns it, or name another with --state",
        )
        return
    free = shutil.disk_usage(folder).free
    seen = f"{free / 1e9:.1f} GB free at {folder}"
    if free < _LOW_BYTES:
        remedy = f"at least {_LOW_BYTES // 2**20} MB should be free"
        yield Finding(about="disk", level="fault", seen=seen, remedy=remedy)
        return
    yield fine("disk", seen)


def store_findings(state: Path, zone: str) -> Iterator[Finding]:
    """What the store says of itself; it may be that of a running agent."""
    if not (state / FILE).exists():
        yield fine("store", f"none yet; {state / FILE} is made at the first run")
        return
    try:
        reader = StoreReader.open(state)
    except StoreError as exc:
        yield Finding(about="store", level="fault", seen=str(exc))
        return
    try:
        live, outbox = reader.liveness(), reader.outbox()
        orders, copy = reader.interventions(SystemClock().wall()), reader.windows()
        found = reader.read(losses)
    finally:
        reader.close()
    yield from _kept_safe(state, found)
    waiting = outbox.head_seq - outbox.acked_seq
    if outbox.quarantined:
        yield Finding(
            about="store",
            level="warning",
            seen=f"{outbox.quarantined} events that the desk refused are kept aside",
        )
    if live is not None and abs(live.offset_us) > STEP_US:
        yield Finding(
            about="clock",
            level="warning",
            seen=f"the wall clock is {live.offset_us / SECOND:+.1f} s off what the "
            "agent records",
            remedy="a restart of the agent anchors anew",
        )
    yield from _left(orders, copy, zone)
    age = "" if live is None else f", last alive {ago(SystemClock().wall() - live.at)}"
    yield fine("store", f"{waiting} events wait for the desk{age}")


def _kept_safe(state: Path, found: Iterable[Loss]) -> Iterator[Finding]:
    """What befell the store, and how old its last backup is."""
    for loss in found:
        yield Finding(
            about="store",
            level="warning",
            seen=str(loss),
            remedy="is the disk sound? docs/operate.md says what may be missing",
        )
    taken = last_taken(state, AGENT)
    if taken is not None and SystemClock().wall() - taken <= 2 * DAY:
        yield fine("backup", f"taken {ago(SystemClock().wall() - taken)}")
        return
    since = (
        "none yet" if taken is None else f"taken {ago(SystemClock().wall() - taken)}"
    )
    yield Finding(
        about="backup",
        level="warning",
        seen=since,
        remedy="a running agent takes one each night; scudo-agent backup takes one now",
    )


def _left(
    orders: Iterable[Intervention], copy: WindowCopy | None, zone: str
) -> Iterator[Finding]:
    """What is left alone: nobody should wonder why there is no ticket."""
    if copy is not None:
        age = ago(SystemClock().wall() - copy.fetched)
        count, revision = len(copy.windows.windows), copy.windows.revision
        yield fine("windows", f"{count} of the desk, revision {revision}, copied {age}")
        if copy.windows.later:
            names = ", ".join(copy.windows.named())
            yield Finding(
                about="windows",
                level="warning",
                seen=f"of kinds that this version does not know, passed over: {names}",
                remedy="bring the agent up to the desk's version; until then they hold "
                "back no ticket (the desk excludes what the contract says)",
            )
    for one in orders:
        mute = one.kind is InterventionKind.MUTE
        until = f"{one.name} until {local_stamp(one.end, zone)}, by {one.actor}"
        yield Finding(
            about="muted" if mute else "paused",
            level="warning",
            seen=f"{until}: {one.reason}",
            remedy=f"scudo-agent {'unmute' if mute else 'resume'} {one.name} ends it",
        )


async def _names(site: Site) -> list[Finding]:
    names = sorted(
        {
            host
            for check in site.checks.values()
            for host in check.settings.hosts(check.target.address)
            if not _literal(host)
        }
    )
    loop = asyncio.get_running_loop()

    async def one(name: str) -> Finding | None:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                await loop.getaddrinfo(name, None)
        except (OSError, TimeoutError, UnicodeError):
            return Finding(
                about="names",
                level="fault",
                seen=f"'{name}' has no address",
                remedy="mend the name server, or give the target an IP address",
            )
        return None

    found = [f for f in await asyncio.gather(*map(one, names)) if f is not None]
    if found:
        return found
    return [fine("names", _named(names))]


def _named(names: Sequence[str]) -> str:
    """That each name has an address; said of none, one and many."""
    if not names:
        return "no check needs a name: there is nothing to look up"
    if len(names) == 1:
        return f"the one name, {names[0]}, has an address"
    return f"all {len(names)} names of targets have addresses"


def _literal(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host.partition("%")[0])
        except OSError:
            continue
        return True
    return False


def _embedded(desk_file: Path, state: Path) -> Iterator[Finding]:
    try:
        settings = (
            load_desk_settings(desk_file) if desk_file.exists() else DeskSettings()
        )
    except ScudoError as exc:
        yield Finding(about="desk", level="fault", seen=str(exc))
        return
    yield fine("desk", f"embedded, at {settings.listen.host}:{settings.listen.port}")
    yield from _mail(settings, state)


def _mail(settings: DeskSettings, state: Path) -> Iterator[Finding]:
    smtp = settings.mail.smtp
    if smtp is None:
        folder = settings.maildir if settings.mail.maildir else state / "mail"
        yield Finding(
            about="mail",
            level="warning",
            seen=f"no SMTP server is configured: notices go into {folder}",
            remedy="set mail.smtp in the desk's settings",
        )
        return
    try:
        with smtplib.SMTP(smtp.host, smtp.port, timeout=_TIMEOUT_S) as server:
            code, _ = server.ehlo()
    except (OSError, smtplib.SMTPException) as exc:
        yield Finding(
            about="mail",
            level="fault",
            seen=f"{smtp.host}:{smtp.port} takes no mail: {exc}",
            remedy="see mail.smtp in the desk's settings; notices wait until it does",
        )
        return
    yield fine("mail", f"{smtp.host}:{smtp.port} answers {code}")


async def _remote(site: Site) -> list[Finding]:
    url = site.desk.url or ""
    verify = str(site.desk.ca) if site.desk.ca else True
    assert site.desk.key is not None
    try:
        headers = bearer(site.desk.key)
    except InputError as exc:
        return [Finding(about="desk", level="fault", seen=str(exc))]
    try:
        async with httpx.AsyncClient(
            verify=verify, timeout=_TIMEOUT_S, trust_env=False
        ) as client:
            mine = f"{url.rstrip('/')}/v1/agents/self"
            reply = await client.get(f"{mine}/tickets", headers=headers)
            contract = await client.get(f"{mine}/contract", headers=headers)
    except (httpx.HTTPError, OSError) as exc:
        return [
            Finding(
                about="desk",
                level="fault",
                seen=f"{urlsplit(url).netloc} does not answer: {exc}",
                remedy="incidents are kept and sent when it does",
            )
        ]
    if reply.status_code in (401, 403):
        remedy = "enrol the agent again: scudo-agent desk agent SITE.yaml at the desk"
        seen = f"{urlsplit(url).netloc} does not accept this agent's key"
        return [Finding(about="desk", level="fault", seen=seen, remedy=remedy)]
    if reply.status_code != 200:
        seen = f"{urlsplit(url).netloc} answers {reply.status_code}"
        return [Finding(about="desk", level="fault", seen=seen)]
    answers = fine("desk", f"{urlsplit(url).netloc} answers and knows this agent")
    return [answers, *_contract(site, contract)]


def _contract(site: Site, reply: httpx.Response) -> Iterator[Finding]:
    """Whether desk and site file mean the same contract."""
    told: ContractState | None = None
    if reply.status_code == 200:
        try:
            told = ContractState.model_validate_json(reply.content)
        except ValueError:
            yield Finding(
                about="contract",
                level="fault",
                seen="what the desk says of the contract cannot be read",
                remedy="is the desk's version older?",
            )
            return
    elif reply.status_code != 404:
        seen = f"the desk answers {reply.status_code} when asked for it"
        yield Finding(about="contract", level="fault", seen=seen)
        return
    says = disagreement(site.contract_id, told.contract_id if told else None)
    if says:
        remedy = "name the desk's contract in the site file, or enrol the site again"
        yield Finding(about="contract", level="warning", seen=says, remedy=remedy)
    elif told is not None:
        yield fine("contract", f"{told.contract_id}, revision {told.revision}")
