"""The desk's TLS: a certificate authority of its own, and its server certificate.

Agents trust this authority alone (`reliability.md` 3, threat 8): whoever stands in
between, with whatever public certificate, gets nothing from them.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from scudo_agent.errors import InputError, ScudoError
from scudo_agent.files import private_file
from scudo_agent.instant import DAY, Instant, to_datetime

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

AUTHORITY_LIFE_US = 3_650 * DAY
SERVER_LIFE_US = 397 * DAY
NAMES = ("ca.pem", "ca.key", "cert.pem", "key.pem")


@dataclass(frozen=True, slots=True)
class Files:
    """Where the four files of a desk's TLS are; `ca.key` may be kept elsewhere."""

    folder: Path

    @property
    def ca(self) -> Path:
        """The authority that agents pin."""
        return self.folder / "ca.pem"

    @property
    def ca_key(self) -> Path:
        """Its key: only `desk tls` needs it."""
        return self.folder / "ca.key"

    @property
    def cert(self) -> Path:
        """The server's certificate."""
        return self.folder / "cert.pem"

    @property
    def key(self) -> Path:
        """The server's key."""
        return self.folder / "key.pem"


def pin(ca: Path) -> str:
    """SHA-256 of the authority's certificate, as it stands in a token."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        found = x509.load_pem_x509_certificate(ca.read_bytes())
    except (OSError, ValueError) as exc:
        raise ScudoError(f"{ca}: is no certificate: {exc}") from None
    return sha256(found.public_bytes(Encoding.DER)).hexdigest()


def make(folder: Path, hosts: Sequence[str], *, now: Instant) -> Files:
    """Make the server's certificate for these hosts; the authority if there is none.

    Made again, it takes the place of the one before; agents go on trusting it.
    """
    files = Files(folder)
    if not hosts:
        raise InputError("name the host by which agents reach the desk")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority, ca_key = _authority(files, now)
        key = _key()
        certificate = _server(authority, ca_key, key, hosts, now=now)
        private_file(files.key, _pem(key))
        private_file(files.cert, _public(certificate))
    except (OSError, ValueError) as exc:
        raise ScudoError(f"{folder}: no certificate can be made: {exc}") from None
    return files


def _authority(
    files: Files, now: Instant
) -> "tuple[x509.Certificate, ec.EllipticCurvePrivateKey]":
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    if files.ca.exists():
        loaded = serialization.load_pem_private_key(files.ca_key.read_bytes(), None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise ValueError("ca.key is no key of ours")
        return x509.load_pem_x509_certificate(files.ca.read_bytes()), loaded
    from cryptography.hazmat.primitives import hashes

    key = _key()
    certificate = (
        _builder("scudo desk CA", "scudo desk CA", now, AUTHORITY_LIFE_US)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    private_file(files.ca_key, _pem(key))
    private_file(files.ca, _public(certificate))
    return certificate, key


def _server(
    authority: "x509.Certificate",
    ca_key: "ec.EllipticCurvePrivateKey",
    key: "ec.EllipticCurvePrivateKey",
    hosts: Sequence[str],
    *,
    now: Instant,
) -> "x509.Certificate":
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID

    names = x509.SubjectAlternativeName([_name(host) for host in hosts])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    return (
        _builder(hosts[0], "scudo desk CA", now, SERVER_LIFE_US)
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        .add_extension(names, critical=False)
        .add_extension(issuer, critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _builder(
    subject: str, issuer: str, now: Instant, life_us: int
) -> "x509.CertificateBuilder":
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    def name(common: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:64])])

    begin = to_datetime(now) - timedelta(days=1)
    end = to_datetime(now) + timedelta(microseconds=life_us)
    builder = x509.CertificateBuilder().subject_name(name(subject))
    if subject == issuer:
        builder = builder.issuer_name(name(issuer))
    return (
        builder.serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )


def _usage(*, signs: bool) -> "x509.KeyUsage":
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _name(host: str) -> "x509.GeneralName":
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key() -> "ec.EllipticCurvePrivateKey":
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def _pem(key: "ec.EllipticCurvePrivateKey") -> bytes:
    from cryptography.hazmat.primitives import serialization

    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _public(certificate: "x509.Certificate") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)
