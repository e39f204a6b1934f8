"""Why an SNMPv3 device does not let the agent in: one question asked by pysnmp.

gufo-snmp says "authentication failed" for a wrong user and a wrong key alike,
and a wrong privacy key is silence for every client (`dependencies.md`, SNMP).
pysnmp tells the first two apart, and asked without privacy the device answers
if the privacy key alone is wrong. A question costs about 0.3 s of CPU in a
thread, so a device is asked at most once an hour, and one device at a time.
"""

import asyncio
import logging
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from scudo_agent.text import T, Text

if TYPE_CHECKING:
    from scudo_agent.config.site import SnmpCredential
    from scudo_agent.probes.snmp_session import Target

_log = logging.getLogger(__name__)

EVERY_S = 3600.0
"""A device is diagnosed at most once in this time."""

_ANSWER_S = 2.0
_SYS_UPTIME = "1.3.6.1.2.1.1.3.0"
_AUTHORIZATION_ERROR = 16
_WRONG_KEY = ("WrongDigest", "AuthenticationFailure", "AuthenticationError")


class Symptom(Enum):
    """How a device keeps the agent out."""

    REFUSED = "it reports that something of the user is wrong"
    SILENT = "it told its engine and is silent when asked with privacy"


@dataclass(slots=True)
class _Diagnosis:
    at: float
    symptom: Symptom
    words: "asyncio.Future[Text | None]"


class Diagnoses:
    """At most one diagnosis an hour a device, and what it found till then."""

    def __init__(self) -> None:
        self._known: dict[str, _Diagnosis] = {}
        self._running: asyncio.Task[Text | None] | None = None

    def begin(
        self, target: "Target", symptom: Symptom
    ) -> "asyncio.Future[Text | None]":
        """What is wrong, when it is known; None if it cannot be told (now)."""
        loop = asyncio.get_running_loop()
        last = self._known.get(target.where)
        if last is not None and loop.time() - last.at < EVERY_S:
            return last.words if last.symptom is symptom else _nothing()
        if self._running is not None and not self._running.done():
            return _nothing()
        work = loop.run_in_executor(None, diagnose, target, symptom)
        self._running = loop.create_task(_finished(work))
        self._known[target.where] = _Diagnosis(loop.time(), symptom, self._running)
        return self._running

    def forget(self, where: str) -> None:
        """The device answers: what was wrong is over (not the hour)."""
        last = self._known.get(where)
        if last is not None and last.words.done():
            last.words = _nothing()

    async def close(self) -> None:
        """Wait for what runs in its thread: seconds at most, by its own deadline."""
        if self._running is not None:
            await self._running


async def _finished(work: "asyncio.Future[Text | None]") -> Text | None:
    return await asyncio.shield(work)


def _nothing() -> "asyncio.Future[Text | None]":
    future: asyncio.Future[Text | None] = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future


def diagnose(target: "Target", symptom: Symptom) -> Text | None:
    """Ask once by pysnmp and say what is wrong; blocking, for a thread."""
    from pysnmp.error import PySnmpError

    credential = target.credential
    silent = symptom is Symptom.SILENT
    try:
        said = asyncio.run(
            _asked(target, privacy=credential.priv is not None and not silent)
        )
    except (OSError, PySnmpError) as exc:
        _log.info("no diagnosis of %s: %s", target.where, type(exc).__name__)
        return None
    if not silent or said in ("UnknownUserName", *_WRONG_KEY):
        return _refusal(said, credential)
    if said == "RequestTimedOut":
        return T("no answer, with privacy or without it, since it told its engine")
    return T("wrong privacy key, probably: no answer with privacy, but one without it")


def _refusal(said: str, credential: "SnmpCredential") -> Text | None:
    match said:
        case "UnknownUserName":
            return T(
                "unknown user: the device has no {user}", user=credential.user or ""
            )
        case _ if said in _WRONG_KEY:
            return T(
                "wrong authentication key, or another algorithm than {algorithm}",
                algorithm=credential.auth or "",
            )
        case "UnsupportedSecurityLevel" | "AuthorizationError":
            return T(
                "the device knows the user, but not with {level}",
                level=_level(credential),
            )
        case "NotInTimeWindow":
            return T(
                "the device's SNMPv3 clock does not fit: it restarted, or runs off"
            )
        case _:
            return None


def _level(credential: "SnmpCredential") -> str:
    if credential.priv is not None:
        return "authPriv"
    return "noAuthNoPriv" if credential.auth is None else "authNoPriv"


async def _asked(target: "Target", *, privacy: bool) -> str:
    """The name of pysnmp's error, `AuthorizationError`, or "" for an answer."""
    from pysnmp.hlapi.v3arch import asyncio as hlapi

    engine = hlapi.SnmpEngine()
    try:
        indication, status, _, _ = await hlapi.get_cmd(
            engine,
            _user(hlapi, target.credential, privacy=privacy),
            await _transport(hlapi, target),
            hlapi.ContextData(),
            hlapi.ObjectType(hlapi.ObjectIdentity(_SYS_UPTIME)),
            lookupMib=False,
        )
    finally:
        engine.close_dispatcher()
    if indication is not None:
        return type(indication).__name__
    return "AuthorizationError" if int(status) == _AUTHORIZATION_ERROR else ""


async def _transport(hlapi: Any, target: "Target") -> Any:
    kind = (
        hlapi.Udp6TransportTarget if ":" in target.to.ip else hlapi.UdpTransportTarget
    )
    return await kind.create((target.host, target.port), timeout=_ANSWER_S, retries=0)


def _user(hlapi: Any, credential: "SnmpCredential", *, privacy: bool) -> Any:
    auth = {
        None: hlapi.USM_AUTH_NONE,
        "md5": hlapi.USM_AUTH_HMAC96_MD5,
        "sha1": hlapi.USM_AUTH_HMAC96_SHA,
        "sha224": hlapi.USM_AUTH_HMAC128_SHA224,
        "sha256": hlapi.USM_AUTH_HMAC192_SHA256,
        "sha384": hlapi.USM_AUTH_HMAC256_SHA384,
        "sha512": hlapi.USM_AUTH_HMAC384_SHA512,
    }
    priv = {
        "aes128": hlapi.USM_PRIV_CFB128_AES,
        "aes192": hlapi.USM_PRIV_CFB192_AES_BLUMENTHAL,
        "aes256": hlapi.USM_PRIV_CFB256_AES_BLUMENTHAL,
    }
    given: dict[str, Any] = {}
    if credential.auth_key is not None:
        given["authKey"] = credential.auth_key.reveal()
        given["authProtocol"] = auth[credential.auth]
    if privacy and credential.priv_key is not None and credential.priv is not None:
        given["privKey"] = credential.priv_key.reveal()
        given["privProtocol"] = priv[credential.priv]
    return hlapi.UsmUserData(credential.user or "", **given)
