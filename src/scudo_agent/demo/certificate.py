"""The demo web server's certificate: it ends in 12 days, whenever you look.

Each certificate comes from a certificate authority of its own, whose key is
thrown away: nothing that trusts `ca.pem` can be deceived later.
"""

from datetime import timedelta
from pathlib import Path

from scudo_agent.instant import DAY, HOUR, Instant, to_datetime

NAME = "web.demo.example"
LIFE_US = 12 * DAY + 10 * HOUR
RENEW_US = 12 * DAY
"""Below this it is made anew: so it has 12 days left, rounded or cut."""


def renew(folder: Path, *, now: Instant) -> bool:
    """Have `ca.pem` and `web.pem` (chain and key) in `folder`; True if made anew."""
    from cryptography import x509

    try:
        pem = (folder / "web.pem").read_bytes()
        until = x509.load_pem_x509_certificate(pem).not_valid_after_utc
        current = until - to_datetime(now) >= timedelta(microseconds=RENEW_US)
        current = current and (folder / "ca.pem").exists()
    except (OSError, ValueError):
        current = False
    if not current:
        _make(folder, now)
    return not current


def _make(folder: Path, now: Instant) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    begin = to_datetime(now) - timedelta(days=1)
    end = to_datetime(now) + timedelta(microseconds=LIFE_US)

    def name(common: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])

    def builder(
        subject: str, public: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("scudo demo CA"))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(public), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()),
                critical=False,
            )
        )

    def usage(*, signs_certificates: bool) -> x509.KeyUsage:
        return x509.KeyUsage(
            digital_signature=not signs_certificates,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=signs_certificates,
            crl_sign=signs_certificates,
            encipher_only=False,
            decipher_only=False,
        )

    authority = (
        builder("scudo demo CA", ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(signs_certificates=True), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    server = (
        builder(NAME, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ca.pem").write_bytes(authority.public_bytes(pem))
    secret = folder / "web.pem"
    secret.touch(mode=0o600)
    secret.write_bytes(server.public_bytes(pem) + private)
