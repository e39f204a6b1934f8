"""`tls`: whether a certificate is trusted, for the name, and how long it lasts.

One verified handshake; only if that fails on the certificate, a second one that
verifies nothing tells which certificate stands there and when it ends or ended.
"""

import asyncio
import shlex
import ssl
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator

from scudo_agent.clock import SystemClock
from scudo_agent.config.probe import ProbeSettings, Seconds
from scudo_agent.instant import DAY, SECOND, Instant, from_datetime
from scudo_agent.model import Limit, Outcome, Shape, Trend
from scudo_agent.probes import tls_fault
from scudo_agent.probes.connect import NoAnswerError, Resolved, host_port, resolve
from scudo_agent.probes.foreign import one_line
from scudo_agent.probes.http_parts import file_of
from scudo_agent.probes.port import Job
from scudo_agent.probes.simple import SimpleEngine
from scudo_agent.text import TN, T, Text

if TYPE_CHECKING:
    from cryptography import x509

_DAY_S = DAY / SECOND
_LEAST_S = 3600.0
_NAME = r"^[A-Za-z0-9_:]([A-Za-z0-9._:-]*[A-Za-z0-9_:])?$"
_MAX_NAMES = 3

Left = Annotated[Seconds, Field(gt=0)] | None


class TlsSettings(ProbeSettings):
    """`{tls: 443}` or `{tls: {port: 443, name: erp.example, warn: 14d}}`."""

    KIND: ClassVar[str] = "tls"
    SHORT: ClassVar[str | None] = "port"

    port: Annotated[int, Field(ge=1, le=65535)] = 443
    name: Annotated[str, Field(pattern=_NAME, max_length=253)] | None = None
    """The name asked for and checked (SNI); without it the target's address."""
    verify: bool = True
    """Whether the chain must be trusted and the certificate for the name."""
    ca: str | None = None
    """A PEM file with the only certificates that are trusted; a relative path
    starts at the folder of the site file."""
    warn: Left = 14 * _DAY_S
    """A warning when the certificate ends sooner than this."""
    degraded: Left = None
    """Degraded when the certificate ends sooner than this."""
    forecast: Left = None
    """A forecast this long before the certificate comes to `degraded`, else `warn`."""

    _ca_file: str | None = PrivateAttr(default=None)

    @field_validator("warn", "degraded", "forecast")
    @classmethod
    def _is_in_days(cls, left: float | None) -> float | None:
        if left is not None and left < _LEAST_S:
            raise ValueError("is less than an hour; write days such as 14d")
        return left

    @field_validator("forecast")
    @classmethod
    def _has_a_limit(cls, ahead: float | None, info: ValidationInfo) -> float | None:
        given = info.data.get
        if ahead is not None and not (given("degraded") or given("warn")):
            raise ValueError("needs a limit to run into; such as warn: 14d")
        return ahead

    @field_validator("ca")
    @classmethod
    def _is_readable(cls, ca: str | None, info: ValidationInfo) -> str | None:
        tls_fault.check_ca(file_of(ca, info.context))
        return ca

    def model_post_init(self, context: object) -> None:
        """Find the file of `ca`."""
        self._ca_file = file_of(self.ca, context)

    @property
    def ca_file(self) -> str | None:
        """The file of `ca`, wherever the agent runs."""
        return self._ca_file

    def degraded_limits(self) -> tuple[Limit, ...]:
        """The limit of `degraded`."""
        return _limit(self.degraded)

    def warn_limits(self) -> tuple[Limit, ...]:
        """The limit of `warn`."""
        return _limit(self.warn)

    def trend(self, address: str | None) -> Trend | None:
        """Towards `degraded`, else `warn`: days left fall by one a day."""
        if self.forecast is None:
            return None
        return Trend(
            limits=self.degraded_limits() or self.warn_limits(),
            within_us=round(self.forecast * SECOND),
            measure=f"tls {self.endpoint(address)}",
            shape=Shape.DAYS,
            pace=-1.0,
        )

    def endpoint(self, address: str | None) -> str:
        """`host:port`, and the name if it is another."""
        to = host_port(address or "", self.port)
        return f"{to} ({self.name})" if self.name not in (None, address) else to

    def reproduce(self, address: str | None) -> str:
        """The same question asked by openssl."""
        to = shlex.quote(host_port(address or "", self.port))
        name = f" -servername {shlex.quote(self.name)}" if self.name else ""
        return f"openssl s_client -connect {to}{name} </dev/null"


def _limit(left: float | None) -> tuple[Limit, ...]:
    if left is None:
        return ()
    return (Limit(value="days_left", bound=left / _DAY_S, above=False),)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is told of a certificate; names are foreign text made fit to show."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    begins: Instant
    ends: Instant


class TlsEngine(SimpleEngine):
    """Shakes hands; the contexts are made once, `now` is the world's time.

    A certificate is judged by the wall clock of the machine, as OpenSSL does.
    """

    def __init__(self, now: Callable[[], Instant] | None = None) -> None:
        super().__init__(self._probe)
        self._now = now or SystemClock().wall
        self._contexts: dict[tuple[bool, str | None], ssl.SSLContext] = {}

    async def _probe(self, job: Job) -> Outcome:
        settings = job.settings
        if not isinstance(settings, TlsSettings) or job.address is None:
            raise TypeError(f"{job.check} is no job of the tls probe")
        name = settings.name or job.address
        expected = _expected(settings, name)
        loop = asyncio.get_running_loop()
        try:
            to = await resolve(job.address, job.allowed)
            started = loop.time()
            fault, der = await self._shaken(settings, to, name)
        except NoAnswerError as exc:
            answered = None if exc.own_fault else False
            return Outcome(answered=answered, seen=exc.seen, expected=expected)
        took = loop.time() - started
        certificate = read_certificate(der)
        left = (certificate.ends - self._now()) / DAY
        wrong = _dated(certificate, self._now()) or (
            fault and _untrusted(fault, certificate, name)
        )
        return Outcome(
            answered=wrong is None,
            seen=wrong or _ends(left),
            expected=expected,
            values={"days_left": left, "latency_s": took},
            duration_s=took,
        )

    async def _shaken(
        self, settings: TlsSettings, to: Resolved, name: str
    ) -> tuple[ssl.SSLCertVerificationError | None, bytes]:
        """The certificate of the server, and what the verification found wrong."""
        if not settings.verify:
            return None, await self._handshake(settings, to, name, verify=False)
        try:
            return None, await self._handshake(settings, to, name, verify=True)
        except ssl.SSLCertVerificationError as exc:
            return exc, await self._handshake(settings, to, name, verify=False)

    async def _handshake(
        self, settings: TlsSettings, to: Resolved, name: str, *, verify: bool
    ) -> bytes:
        from scudo_agent.probes.dial import attached, connected

        where = to.where(settings.port)
        context = await self._context(verify, settings.ca_file if verify else None)
        sock = await connected(to, settings.port)
        try:
            transport = await attached(
                asyncio.Protocol, sock, where=where, context=context, name=name
            )
        except ssl.SSLCertVerificationError:
            raise
        except ssl.SSLError as exc:
            raise NoAnswerError(tls_fault.words(exc, where, name)) from None
        try:
            der = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        finally:
            transport.abort()
        if der is None:
            raise NoAnswerError(T("{where} shows no certificate", where=where))
        return bytes(der)

    async def _context(self, verify: bool, ca: str | None) -> ssl.SSLContext:
        key = (verify, ca)
        if key not in self._contexts:
            self._contexts[key] = await tls_fault.made(verify=verify, ca=ca)
        return self._contexts[key]


def read_certificate(der: bytes) -> Certificate:
    """What a certificate says; `NoAnswerError` if it cannot be read."""
    from cryptography import x509

    try:
        with warnings.catch_warnings():
            # Odd serial numbers and the like: told of others' certificates.
            warnings.simplefilter("ignore")
            cert = x509.load_der_x509_certificate(der)
            return Certificate(
                subject=one_line(cert.subject.rfc4514_string()),
                issuer=one_line(cert.issuer.rfc4514_string()),
                names=_names(cert),
                begins=from_datetime(cert.not_valid_before_utc),
                ends=from_datetime(cert.not_valid_after_utc),
            )
    except (
        TypeError,  # a name of an odd type
        ValueError,
        x509.DuplicateExtension,
        x509.InvalidVersion,
        x509.UnsupportedGeneralNameType,
    ):
        raise NoAnswerError(T("the certificate cannot be read")) from None


def _names(cert: "x509.Certificate") -> tuple[str, ...]:
    from cryptography import x509

    try:
        said = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    dns = said.value.get_values_for_type(x509.DNSName)
    addresses = map(str, said.value.get_values_for_type(x509.IPAddress))
    return tuple(map(one_line, (*dns, *addresses)))


def _dated(certificate: Certificate, now: Instant) -> Text | None:
    """Words for a certificate that has ended or has not begun."""
    who = {"subject": certificate.subject, "issuer": certificate.issuer}
    if now < certificate.begins:
        return T(
            "certificate is not valid before {begins} ({subject}, issued by {issuer})",
            begins={"instant": certificate.begins},
            **who,
        )
    if now < certificate.ends:
        return None
    ago = now - certificate.ends
    if ago < DAY:
        return T(
            "certificate ended {ago} ago ({subject}, issued by {issuer})",
            ago={"duration": ago // SECOND * SECOND},
            **who,
        )
    return TN(
        "certificate ended {n} day ago ({subject}, issued by {issuer})",
        "certificate ended {n} days ago ({subject}, issued by {issuer})",
        n=ago // DAY,
        **who,
    )


def _ends(left: float) -> Text:
    if left < 1:
        return T(
            "certificate ends in {left}",
            left={"duration": round(left * _DAY_S) * SECOND},
        )
    return TN(
        "certificate ends in {n} day", "certificate ends in {n} days", n=round(left)
    )


def _untrusted(
    fault: ssl.SSLCertVerificationError, certificate: Certificate, name: str
) -> Text:
    """Words for what the verification found wrong with a certificate in its time."""
    subject, issuer = certificate.subject, certificate.issuer
    match tls_fault.kind(fault):
        case tls_fault.Kind.NAME:
            names = certificate.names or (subject,)
            more = ", …" if len(names) > _MAX_NAMES else ""
            return T(
                "certificate is for {names}, not for {name}",
                names=", ".join(names[:_MAX_NAMES]) + more,
                name=name,
            )
        case tls_fault.Kind.SELF_SIGNED:
            return T("chain is not trusted: {subject} is self-signed", subject=subject)
        case tls_fault.Kind.ISSUER:
            return T("chain is not trusted: {issuer} is not known", issuer=issuer)
        case tls_fault.Kind.ENDED:
            return T(
                "chain is not trusted: a certificate above {subject} has ended",
                subject=subject,
            )
        case _:
            return T(
                "chain is not trusted: {error}", error=one_line(fault.verify_message)
            )


def _expected(settings: TlsSettings, name: str) -> Text:
    if settings.verify:
        return T("a trusted certificate for {name}", name=name)
    return T("a certificate that has not ended")
