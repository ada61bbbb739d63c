"""Who may talk to whom: TLS, mutual TLS, a bearer token from a file; and a working set of all of them.

Without credentials a cloud listens on loopback only. A token without TLS is good on loopback only, for it would travel
in the clear.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
import ssl
from dataclasses import dataclass
from pathlib import Path

import grpc

from janus.errors import JanusError

TOKEN_HEADER = "authorization"
MIN_TOKEN_CHARACTERS = 16


@dataclass(frozen=True, kw_only=True)
class CloudCredentials:
    """What a cloud shows, and what it asks for. All files are PEM.

    Attributes:
        certificate: Its certificate, and the chain above it; None for plaintext.
        key: The key of that certificate.
        client_ca: Devices must show a certificate that this authority has signed (mutual TLS).
        token: File whose first line devices must send as a bearer token.
    """

    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    token: Path | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise JanusError("a TLS certificate and its key belong together: give both or neither.")
        if self.client_ca is not None and self.certificate is None:
            raise JanusError("client certificates need TLS: give the cloud a certificate and a key too.")

    def server_credentials(self) -> grpc.ServerCredentials | None:
        """For `grpc.Server.add_secure_port`; None for plaintext."""
        if self.certificate is None or self.key is None:
            return None
        authority = None if self.client_ca is None else _read_pem(self.client_ca)
        pair = _read_pair(self.key, self.certificate)
        return grpc.ssl_server_credentials([pair], authority, require_client_auth=authority is not None)


@dataclass(frozen=True, kw_only=True)
class DeviceCredentials:
    """What a device trusts, and what it shows. All files are PEM.

    Attributes:
        ca: Authority that must have signed the cloud's certificate; None for plaintext.
        certificate: The device's own certificate, for mutual TLS.
        key: The key of that certificate.
        token: File whose first line is sent as a bearer token.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    token: Path | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise JanusError("a client certificate and its key belong together: give both or neither.")
        if self.certificate is not None and self.ca is None:
            raise JanusError("a client certificate needs TLS: give the authority that signed the cloud's, too.")

    def channel_credentials(self) -> grpc.ChannelCredentials | None:
        """For `grpc.secure_channel`; None for plaintext."""
        if self.ca is None:
            return None
        if self.certificate is None or self.key is None:
            return grpc.ssl_channel_credentials(_read_pem(self.ca))
        return grpc.ssl_channel_credentials(_read_pem(self.ca), *_read_pair(self.key, self.certificate))

    def metadata(self, addresses: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        """What goes with every call.

        Raises:
            JanusError: If the token would travel in the clear beyond this machine.
        """
        if self.token is None:
            return ()
        far = [address for address in addresses if not is_loopback(split_address(address)[0])]
        if self.ca is None and far:
            raise JanusError(f"a token would travel to {far[0]} in the clear: give the cloud's authority (--ca) too.")
        return ((TOKEN_HEADER, f"Bearer {read_token(self.token)}"),)


def split_address(address: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT`` or ``[HOST]:PORT``.

    Raises:
        JanusError: If it is neither.
    """
    host, colon, port = address.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not colon or not bare or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535 or (
        ":" in bare and bare == host
    ):  # fmt: skip
        raise JanusError(
            f"address {address!r} is not HOST:PORT with a port up to 65535: write it like 127.0.0.1:7000 or [::1]:7000."
        )
    return bare, int(port)


def join_address(host: str, port: int) -> str:
    """``HOST:PORT``, with brackets round an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine and nothing else."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_listen(host: str, credentials: CloudCredentials) -> None:
    """Refuse to listen beyond loopback without credentials.

    Raises:
        JanusError: With what to give.
    """
    if is_loopback(host) or credentials.certificate is not None:
        return
    if credentials.token is not None:
        raise JanusError(f"{host}: a token without TLS would travel in the clear; give --tls-cert and --tls-key too.")
    raise JanusError(
        f"{host}: listening beyond this machine takes credentials; make a set with `janus cloud --new-credentials DIR` "
        "and give --tls-cert, --tls-key and --client-ca or --token-file, or listen on 127.0.0.1."
    )


def read_token(path: Path) -> str:
    """The first line of a token file.

    Raises:
        JanusError: If there is none, or it is too short to be a secret. The sentence never holds the token.
    """
    lines = _read(path).decode("ascii", "replace").splitlines()
    token = lines[0].strip() if lines else ""
    if len(token) < MIN_TOKEN_CHARACTERS or not all("!" <= c <= "~" for c in token):
        raise JanusError(
            f"{path}: a token is one line of at least {MIN_TOKEN_CHARACTERS} printable characters without spaces; "
            "make one with `janus cloud --new-credentials DIR`."
        )
    return token


def token_matches(metadata, token: str) -> bool:
    """Whether a call's metadata carry the token; takes the same time for every wrong one."""
    sent = [value for name, value in metadata if name == TOKEN_HEADER and isinstance(value, str)]
    given = sent[0] if len(sent) == 1 else ""
    return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())


def new_token() -> str:
    """A fresh secret of 256 bits."""
    return secrets.token_urlsafe(32)


def _read_pem(path: Path) -> bytes:
    data = _read(path)
    if b"-----BEGIN " not in data:
        raise JanusError(f"{path}: is not a PEM file; make a set with `janus cloud --new-credentials DIR`.")
    return data


def _read_pair(key: Path, certificate: Path) -> tuple[bytes, bytes]:
    """A key and its certificate. gRPC would take any two, and refuse every connection afterwards."""
    pair = _read_pem(key), _read_pem(certificate)
    try:
        # A key with a passphrase would ask for it on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password="")
    except ssl.SSLError as why:
        if why.reason == "KEY_VALUES_MISMATCH":
            raise JanusError(f"{key}: is not the key of {certificate}; give the two that were made together.") from why
        raise JanusError(
            f"{certificate}, {key}: OpenSSL cannot use them ({why.reason or why}); give a certificate and its key, "
            "without a passphrase, in PEM."
        ) from why
    return pair


def _read(path: Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as why:
        raise JanusError(f"{path}: cannot be read ({why.strerror}); name an existing file.") from why
