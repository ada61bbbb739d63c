"""`janus cloud --new-credentials DIR`: an authority, a certificate for the cloud, one for devices, and a token."""

from __future__ import annotations

import datetime
import ipaddress
import os
import re
import socket
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from janus.errors import JanusError
from janus.runtime.credentials import new_token

DAYS = 365
PRIVATE = 0o600
LOCAL = ("localhost", "127.0.0.1", "::1")
FILES = ("ca.pem", "ca-key.pem", "cloud.pem", "cloud-key.pem", "device.pem", "device-key.pem", "token")


def new_credentials(folder: Path, hosts: tuple[str, ...] = ()) -> dict[str, Path]:
    """Make a working set of credentials.

    Args:
        folder: Made if it is not there. What is in it already is never overwritten.
        hosts: Names and addresses that devices will call the cloud by, beside this machine's own name and loopback.

    Returns:
        The files: ca.pem, cloud.pem with cloud-key.pem, device.pem with device-key.pem, token; and ca-key.pem, which
        signs more devices and belongs in a safe place.

    Raises:
        JanusError: If one of them is there already, or the folder cannot be written.
    """
    folder = Path(folder)
    there = [name for name in FILES if (folder / name).exists()]
    if there:
        raise JanusError(f"{folder / there[0]}: is there already and is not overwritten; name a new folder.")
    names = tuple(dict.fromkeys((*LOCAL, socket.gethostname(), *hosts)))
    authority_key, authority = _certificate("Janus authority", authority=True)
    files = {"ca.pem": _pem(authority), "ca-key.pem": _pem_key(authority_key)}
    for who, usage, sans in (
        ("cloud", ExtendedKeyUsageOID.SERVER_AUTH, names),
        ("device", ExtendedKeyUsageOID.CLIENT_AUTH, ()),
    ):
        key, certificate = _certificate(f"Janus {who}", signed_by=(authority_key, authority), usage=usage, names=sans)
        files |= {f"{who}.pem": _pem(certificate), f"{who}-key.pem": _pem_key(key)}
    files["token"] = f"{new_token()}\n".encode()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, data in files.items():
            # Created private, not made so afterwards: there is no moment in which another user could read a key.
            with open(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as file:
                file.write(data)
    except OSError as why:
        raise JanusError(f"{folder}: cannot be written ({why.strerror}); name another folder.") from why
    return {name: folder / name for name in files}


def _certificate(name: str, *, authority: bool = False, signed_by=None, usage=None, names: tuple[str, ...] = ()):
    """A key and a certificate for it, signed by itself unless ``signed_by`` (key, certificate) is given."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signing_key, issuer = (key, subject) if signed_by is None else (signed_by[0], signed_by[1].subject)
    # An hour back, for clocks that do not agree.
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=DAYS))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
        .add_extension(_key_usage(authority), critical=True)
    )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_san(name) for name in names]), critical=False)
    return key, builder.sign(signing_key, hashes.SHA256())


def _key_usage(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=authority, crl_sign=authority, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _san(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    if not re.fullmatch(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?", name):
        raise JanusError(
            f"host {name!r} is neither an address nor an ASCII name: write it as devices call it, without a port."
        )
    return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
