"""A certificate authority in `HOME/ca`, and certificates by it for the hosts that clients ask for.

- `ca.pem` may be given away; `ca.key` is for the user alone (0600). Both are made once.
- The authority's own certificate permits AWS's domains only: whoever trusts it trusts it for nothing else.
- A host's certificate names that host alone (buckets may have dots, which wildcards do not cover), lives in
  memory, and expires with the authority.
- `bundle.pem` is the machine's own authorities and this one, so that other hosts still verify.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import os
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from clary.clients.hook.clary_hook.hosts import SUFFIXES

DAYS = 825
"""How long certificates are valid: more, and some clients refuse them."""
_SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


class Authority:
    def __init__(self, folder: Path) -> None:
        """Makes the authority in `folder` where there is none yet, or it has expired."""
        self.certificate_file = folder / "ca.pem"
        self.bundle = folder / "bundle.pem"
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._host_key = ec.generate_private_key(ec.SECP256R1())
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / "lock").open("w") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            self._key, self._certificate = self._load(folder / "ca.key") or self._make(folder / "ca.key")

    def context(self, host: str) -> ssl.SSLContext:
        """A server's TLS context for `host`. HTTP/1.1 only: that is what Clary speaks."""
        if host not in self._contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.set_alpn_protocols(["http/1.1"])
            with tempfile.NamedTemporaryFile() as file:  # made with 0600; ssl reads nothing but files
                file.write(self._issue(host) + _pem(self._host_key))
                file.flush()
                context.load_cert_chain(file.name)
            self._contexts[host] = context
        return self._contexts[host]

    def write_bundle(self, environ: Mapping[str, str]) -> Path:
        """`bundle.pem` from what the user's clients trusted before: their own bundle, else the machine's."""
        named = [environ.get(name) for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")]
        for name in (*named, ssl.get_default_verify_paths().cafile, *_SYSTEM_BUNDLES):
            if name and Path(name) != self.bundle and Path(name).is_file():
                trusted = Path(name).read_bytes()
                break
        else:
            trusted = b""
        _write(self.bundle, trusted + b"\n" + self.certificate_file.read_bytes(), 0o644)
        return self.bundle

    def _issue(self, host: str) -> bytes:
        certificate = (
            _builder("Clary", self._certificate.subject, self._host_key.public_key())
            .not_valid_after(self._certificate.not_valid_after_utc)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM)

    def _load(self, key_file: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate] | None:
        with contextlib.suppress(FileNotFoundError, ValueError):
            key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
            certificate = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())
            tomorrow = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
            matches = (
                isinstance(key, ec.EllipticCurvePrivateKey) and key.public_key() == certificate.public_key()
            )
            if matches and certificate.not_valid_after_utc > tomorrow:
                assert isinstance(key, ec.EllipticCurvePrivateKey)
                return key, certificate
        return None

    def _make(self, key_file: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        key = ec.generate_private_key(ec.SECP256R1())
        name = f"Clary on this machine ({os.urandom(4).hex()})"
        names = x509.NameConstraints([x509.DNSName(suffix[1:]) for suffix in SUFFIXES], None)
        usage = x509.KeyUsage(
            key_cert_sign=True, crl_sign=True, digital_signature=False, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
            decipher_only=False,
        )  # fmt: skip
        certificate = (
            _builder(name, None, key.public_key())
            .not_valid_after(datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(names, critical=True)
            .sign(key, hashes.SHA256())
        )
        _write(key_file, _pem(key), 0o600)
        _write(self.certificate_file, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
        return key, certificate


def _builder(name: str, issuer: x509.Name | None, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(yesterday)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
    scratch.replace(path)
