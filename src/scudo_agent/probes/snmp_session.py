"""Sessions of gufo-snmp with devices: opened, kept, dropped, and their faults.

A session is kept only while it answers. After any fault it is dropped, so that
a late answer is never taken for the next one's, and a device that came back as
another (new engine, other keys) is met anew.
"""

import asyncio
import re
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gufo.snmp import SnmpAuthError, SnmpDecodeError, SnmpError, SnmpVersion
from gufo.snmp import user as usm
from gufo.snmp.aio import SnmpSession

from scudo_agent.config.secret import Secret
from scudo_agent.config.site import SnmpCredential
from scudo_agent.probes.connect import (
    NoAnswerError,
    Resolved,
    failure,
    resolve,
    waiting_for,
)
from scudo_agent.probes.foreign import one_line
from scudo_agent.probes.port import Job
from scudo_agent.probes.snmp_diagnose import Diagnoses, Symptom
from scudo_agent.probes.snmp_value import Raw
from scudo_agent.text import T, Text

VERSIONS = {1: "v1", 2: "v2c", 3: "v3"}

_AUTH: Mapping[str, type[usm.BaseAuthKey]] = {
    "md5": usm.Md5Key,
    "sha1": usm.Sha1Key,
    "sha224": usm.Sha224Key,
    "sha256": usm.Sha256Key,
    "sha384": usm.Sha384Key,
    "sha512": usm.Sha512Key,
}
_PRIV: Mapping[str, type[usm.BasePrivKey]] = {
    "aes128": usm.Aes128Key,
    "aes192": usm.Aes192Key,
    "aes256": usm.Aes256Key,
}
_RESYNC_S = 120.0
"""An SNMPv3 session idle for longer asks for the device's time first: the
window of RFC 3414 2.2.3 is 150 s."""

_NEVER_S = 86_400.0
"""gufo's own deadline: it counts anew at each stray packet, the run's doesn't."""

_OS_ERROR = re.compile(r"\(os error (\d+)\)")


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a session is with, and as whom."""

    to: Resolved
    port: int
    credential: SnmpCredential

    @property
    def host(self) -> str:
        """The IP address, with the scope of a link-local one."""
        return f"{self.to.ip}%{self.to.scope_id}" if self.to.scope_id else self.to.ip

    @property
    def where(self) -> str:
        """Address and port as people read them."""
        return self.to.where(self.port)


@dataclass(frozen=True, slots=True)
class Answer:
    """Values by OID (absent: no such object), the version and the time it took."""

    values: Mapping[str, Raw]
    version: str
    took_s: float


@dataclass(slots=True)
class _Held:
    session: SnmpSession
    used_at: float


class Sessions:
    """All sessions of an engine, and what is known of the SNMPv3 devices."""

    def __init__(self) -> None:
        self._idle: dict[Target, list[_Held]] = {}
        self._engines: dict[tuple[str, int], bytes] = {}
        self._users: dict[SnmpCredential, usm.User] = {}
        self._diagnoses = Diagnoses()

    async def close(self) -> None:
        """Close every socket."""
        self._idle.clear()
        await self._diagnoses.close()

    async def get(self, job: Job, port: int, oids: Sequence[str]) -> Answer:
        """Ask for `oids` in one request; `NoAnswerError` says what went wrong."""
        credential = job.credential
        if not isinstance(credential, SnmpCredential) or job.address is None:
            seen = T("the target has no SNMP credentials")
            raise NoAnswerError(seen, own_fault=True)
        target = Target(await resolve(job.address, job.allowed), port, credential)
        waiting_for.set(_silence(credential))
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            held, values = await self._ask(target, oids, job.timeout_s)
        except BaseException as exc:
            # Whatever it was, the next run asks anew who the device is.
            self._engines.pop((target.host, port), None)
            if isinstance(exc, SnmpAuthError):
                raise await self._refused(target) from None
            if isinstance(exc, SnmpError | OSError):
                raise _fault(exc, target) from None
            raise
        held.used_at = loop.time()
        self._idle.setdefault(target, []).append(held)
        if credential.version == 3:
            self._diagnoses.forget(target.where)
        return Answer(values, VERSIONS[credential.version], held.used_at - started)

    async def _ask(
        self, target: Target, oids: Sequence[str], timeout_s: float
    ) -> tuple[_Held, Mapping[str, Raw]]:
        idle = self._idle.get(target)
        if idle:
            try:
                held = idle.pop()
                await _resync(held, target)
                return held, await held.session.get_many(oids)
            except SnmpAuthError:
                # The device started anew, and its clock with it: meet it again.
                self._engines.pop((target.host, target.port), None)
        if target.credential.version != 3:
            held = _Held(_plain(target), 0)
            return held, await held.session.get_many(oids)
        return await self._ask_v3(target, oids, timeout_s)

    async def _ask_v3(
        self, target: Target, oids: Sequence[str], timeout_s: float
    ) -> tuple[_Held, Mapping[str, Raw]]:
        engine_id = await self._discover(target)
        session = SnmpSession(
            target.host,
            target.port,
            engine_id=engine_id,
            user=self._user(target.credential),
            timeout=_NEVER_S,
        )

        async def ask() -> Mapping[str, Raw]:
            await session.refresh()
            return await session.get_many(oids)

        if target.credential.priv is None:
            return _Held(session, 0), await ask()
        values = await self._watched(ask(), target, timeout_s)
        return _Held(session, 0), values

    async def _watched(
        self,
        asking: Coroutine[Any, Any, Mapping[str, Raw]],
        target: Target,
        timeout_s: float,
    ) -> Mapping[str, Raw]:
        """Await an answer; silence for half the time calls for the diagnosis.

        The device has told its engine a moment ago, so it is not down: a
        privacy key that it cannot use makes it silent. The answer is still
        awaited meanwhile, till the run's deadline.
        """
        task = asyncio.get_running_loop().create_task(asking)
        try:
            await asyncio.wait({task}, timeout=timeout_s / 2)
            if not task.done():
                waiting_for.set(T("no answer since the device told its SNMPv3 engine"))
                words = self._diagnoses.begin(target, Symptom.SILENT)
                either: set[asyncio.Future[Any]] = {task, words}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                found = words.result() if words.done() else None
                waiting_for.set(found or waiting_for.get())
            return await task
        finally:
            task.cancel()

    async def _discover(self, target: Target) -> bytes:
        """The device's engine id, asked for once; no user is needed for it."""
        key = (target.host, target.port)
        known = self._engines.get(key)
        if known is not None:
            return known
        waiting_for.set(_silence(target.credential))
        stranger = SnmpSession(
            target.host, target.port, user=usm.User.default(), timeout=_NEVER_S
        )
        await stranger.refresh()
        self._engines[key] = stranger.get_engine_id()
        return self._engines[key]

    async def _refused(self, target: Target) -> NoAnswerError:
        """The error of a device that refuses the user or its keys."""
        refused = T("the device refuses the SNMPv3 user or its keys")
        waiting_for.set(refused)
        words = await asyncio.shield(self._diagnoses.begin(target, Symptom.REFUSED))
        return NoAnswerError(words or refused)

    def _user(self, credential: SnmpCredential) -> usm.User:
        """The credential for gufo, its passwords hashed once (1 MB of SHA each)."""
        user = self._users.get(credential)
        if user is None:
            user = self._users[credential] = _user(credential)
        return user


async def _resync(held: _Held, target: Target) -> None:
    if target.credential.version != 3:
        return
    if asyncio.get_running_loop().time() - held.used_at > _RESYNC_S:
        await held.session.refresh()


def _plain(target: Target) -> SnmpSession:
    return SnmpSession(
        target.host,
        target.port,
        community=_reveal(target.credential.community),
        version=SnmpVersion.v1 if target.credential.version == 1 else SnmpVersion.v2c,
        timeout=_NEVER_S,
    )


def _user(credential: SnmpCredential) -> usm.User:
    if credential.auth is None:
        return usm.User(credential.user or "")
    auth = _AUTH[credential.auth]

    def master(secret: Secret | None) -> bytes:
        return auth.get_master_key(_reveal(secret).encode())

    priv = None
    if credential.priv is not None:
        kind = _PRIV[credential.priv]
        priv = kind(master(credential.priv_key), usm.KeyType.Master)
    key = auth(master(credential.auth_key), usm.KeyType.Master)
    return usm.User(credential.user or "", auth_key=key, priv_key=priv)


def _reveal(secret: Secret | None) -> str:
    return secret.reveal() if secret is not None else ""


def _silence(credential: SnmpCredential) -> Text:
    """What silence means: all that can be said (`dependencies.md`, SNMP)."""
    if credential.version == 3:
        return T("no answer: down or filtered")
    return T("no answer: down, filtered or wrong community")


def _fault(exc: SnmpError | OSError, target: Target) -> NoAnswerError:
    where = target.where
    if isinstance(exc, TimeoutError):
        # gufo says so of a socket error: the answer was an ICMP message.
        return NoAnswerError(T("nothing answers at {where}: port closed", where=where))
    if isinstance(exc, OSError):
        outcome = failure(_with_errno(exc), where)
        return NoAnswerError(outcome.seen, own_fault=outcome.answered is None)
    if isinstance(exc, SnmpDecodeError):
        return NoAnswerError(T("the answer of {where} is no valid SNMP", where=where))
    return NoAnswerError(
        T(
            "{where} answers with an error: {error}",
            where=where,
            error=one_line(str(exc)),
        )
    )


def _with_errno(exc: OSError) -> OSError:
    """gufo gives the number of an error only within its text."""
    found = _OS_ERROR.search(str(exc))
    if exc.errno is None and found:
        return OSError(int(found[1]), str(exc))
    return exc
