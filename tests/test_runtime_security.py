"""Who may talk to the cloud: loopback by default, credentials elsewhere, and refusals that tell nothing."""

import logging
import socket
import stat

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from runtime_kit import frame, half, patient_lines, pixels, unsplit  # noqa: F401

from janus.errors import JanusError
from janus.runtime.authority import new_credentials
from janus.runtime.client import CallFailed, CloudClient
from janus.runtime.credentials import CloudCredentials, DeviceCredentials, join_address, read_token, split_address
from janus.runtime.line import Line
from janus.runtime.server import serve
from janus.runtime.service import RefusalLog
from janus.schedule import MergeSchedule

HALF = half()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A working set of credentials."""
    return new_credentials(tmp_path_factory.mktemp("ours") / "set")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    """Another set, of another authority."""
    return new_credentials(tmp_path_factory.mktemp("theirs") / "set")


def tls(files, **more):
    return CloudCredentials(certificate=files["cloud.pem"], key=files["cloud-key.pem"], **more)


def ask(cloud, credentials=None):
    """One frame's answer; where there can be no connection it fails at once."""
    client = CloudClient(HALF, (cloud.address,), credentials)
    try:
        return client.finish(frame(HALF, 0, 0, 2), 30).answer().logits
    finally:
        client.close()


def expected():
    return unsplit(HALF, pixels(0), MergeSchedule(family="none")).numpy()


def ways(files):
    """What the cloud asks for, and a device that has it."""
    ca, token = files["ca.pem"], files["token"]
    shown = {"certificate": files["device.pem"], "key": files["device-key.pem"]}
    return {
        "TLS": (tls(files), DeviceCredentials(ca=ca)),
        "mutual TLS": (tls(files, client_ca=ca), DeviceCredentials(ca=ca, **shown)),
        "TLS and a token": (tls(files, token=token), DeviceCredentials(ca=ca, token=token)),
        "a token on loopback": (CloudCredentials(token=token), DeviceCredentials(token=token)),
        "all of them": (tls(files, client_ca=ca, token=token), DeviceCredentials(ca=ca, token=token, **shown)),
    }


@pytest.mark.parametrize("way", ["TLS", "mutual TLS", "TLS and a token", "a token on loopback", "all of them"])
def test_the_set_that_janus_makes_works(files, way):
    """Answers come through every kind of credentials as they are."""
    cloud_side, device_side = ways(files)[way]
    with serve(HALF, credentials=cloud_side) as cloud:
        assert np.array_equal(expected(), ask(cloud, device_side))


@pytest.mark.parametrize("end", ["cloud", "device"])
def test_a_certificate_and_the_key_of_another_are_refused_by_name(files, strangers, end):
    """Before a port is opened or a call made; gRPC itself would take them."""
    certificate, key = files[f"{end}.pem"], strangers[f"{end}-key.pem"]
    with pytest.raises(JanusError) as refusal:
        if end == "cloud":
            serve(HALF, credentials=CloudCredentials(certificate=certificate, key=key))
        else:
            CloudClient(HALF, ("127.0.0.1:1",), DeviceCredentials(ca=files["ca.pem"], certificate=certificate, key=key))

    assert str(refusal.value) == f"{key}: is not the key of {certificate}; give the two that were made together."


def test_a_key_that_is_damaged_or_has_a_passphrase_is_refused(files, tmp_path):
    """In one sentence, and without a question on the terminal."""
    from cryptography.hazmat.primitives import serialization

    locked, damaged = tmp_path / "locked.pem", tmp_path / "damaged.pem"
    key = serialization.load_pem_private_key(files["cloud-key.pem"].read_bytes(), None)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    locked.write_bytes(key.private_bytes(*form, serialization.BestAvailableEncryption(b"secret")))
    damaged.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")

    for one in (locked, damaged):
        with pytest.raises(JanusError, match=f"{one.name}: OpenSSL cannot use them .*without a passphrase, in PEM"):
            CloudCredentials(certificate=files["cloud.pem"], key=one).server_credentials()


def test_the_certificate_is_good_for_the_names_that_were_asked_for(tmp_path):
    """Loopback, this machine's name, and each --host."""
    from cryptography import x509

    made = new_credentials(tmp_path / "set", hosts=("cloud.example", "192.0.2.7"))
    certificate = x509.load_pem_x509_certificate(made["cloud.pem"].read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert {"localhost", socket.gethostname(), "cloud.example"} <= set(names.get_values_for_type(x509.DNSName))
    assert {"127.0.0.1", "::1", "192.0.2.7"} == {str(ip) for ip in names.get_values_for_type(x509.IPAddress)}


def test_keys_and_token_are_for_their_owner_alone(files):
    """Nobody else may read them, and none of them is in another file."""
    modes = {stat.S_IMODE(files[name].stat().st_mode) for name in ("ca-key.pem", "cloud-key.pem", "token")}

    assert modes == {0o600}
    assert len({path.read_bytes() for path in files.values()}) == len(files)


def test_credentials_are_never_overwritten(files):
    """A second set beside the first is refused, and the first stays as it was."""
    before = files["token"].read_bytes()

    with pytest.raises(JanusError, match="is there already"):
        new_credentials(files["token"].parent)
    assert before == files["token"].read_bytes()


def wrong_ways(files, strangers):
    """A cloud, and a device that it must not serve."""
    ca = files["ca.pem"]
    theirs = {"certificate": strangers["device.pem"], "key": strangers["device-key.pem"]}
    with_token = tls(files, token=files["token"])
    return {
        "another token": (with_token, DeviceCredentials(ca=ca, token=strangers["token"])),
        "no token": (with_token, DeviceCredentials(ca=ca)),
        "a certificate of another authority": (tls(files, client_ca=ca), DeviceCredentials(ca=ca, **theirs)),
        "no certificate": (tls(files, client_ca=ca), DeviceCredentials(ca=ca)),
        "plaintext to a TLS port": (tls(files), DeviceCredentials()),
        "TLS to a plaintext port": (CloudCredentials(), DeviceCredentials(ca=ca)),
        "a cloud of another authority": (tls(strangers), DeviceCredentials(ca=ca)),
    }


@pytest.mark.parametrize(
    "way",
    [
        "another token",
        "no token",
        "a certificate of another authority",
        "no certificate",
        "plaintext to a TLS port",
        "TLS to a plaintext port",
        "a cloud of another authority",
    ],
)
def test_who_has_not_the_right_credentials_gets_nothing(files, strangers, way):
    """No answer, and no secret in what is said about it; the next device is served."""
    cloud_side, device_side = wrong_ways(files, strangers)[way]
    with serve(HALF, credentials=cloud_side) as cloud:
        with pytest.raises(CallFailed) as refused:
            ask(cloud, device_side)
        secrets = [files["token"].read_text().strip(), strangers["token"].read_text().strip()]

        assert refused.value.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNAVAILABLE)
        assert not any(secret in str(refused.value) for secret in secrets)
        assert cloud._service.engine.submitted == 0


def test_a_wrong_token_is_refused_at_connect_and_logged_without_it(files, strangers, caplog):
    """The device says so in one sentence; the cloud's log has the peer and the reason, and no token."""
    with serve(HALF, credentials=CloudCredentials(token=files["token"])) as cloud:
        line = Line(HALF, (cloud.address,), DeviceCredentials(token=strangers["token"]))
        with caplog.at_level(logging.WARNING), pytest.raises(JanusError, match="token is missing or wrong"):
            line.connect()
    logged = caplog.text

    assert "refused ipv4:127.0.0.1" in logged and "UNAUTHENTICATED" in logged
    assert not any(each["token"].read_text().strip() in logged for each in (files, strangers))


def test_a_token_guards_everything_but_the_health_check(files):
    """A load balancer may ask whether the cloud is well; it may not watch, and nothing else is open."""
    with (
        serve(HALF, credentials=CloudCredentials(token=files["token"])) as cloud,
        grpc.insecure_channel(cloud.address) as channel,
    ):
        health = health_pb2_grpc.HealthStub(channel)
        status = health.Check(health_pb2.HealthCheckRequest(), timeout=30).status
        with pytest.raises(grpc.RpcError, match="token is missing"):
            next(iter(health.Watch(health_pb2.HealthCheckRequest(), timeout=30)))

    assert status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "192.0.2.1", "cloud.example"])
def test_listening_elsewhere_takes_credentials(files, host):
    """Beyond loopback neither nothing nor a token in the clear will do."""
    with pytest.raises(JanusError, match="takes credentials"):
        serve(HALF, f"{host}:0")
    with pytest.raises(JanusError, match="in the clear"):
        serve(HALF, f"{host}:0", credentials=CloudCredentials(token=files["token"]))


def test_a_cloud_with_a_certificate_may_listen_everywhere(files):
    """And devices reach it by loopback, too."""
    with serve(HALF, "0.0.0.0:0", credentials=tls(files, client_ca=files["ca.pem"])) as cloud:
        shown = DeviceCredentials(ca=files["ca.pem"], certificate=files["device.pem"], key=files["device-key.pem"])
        client = CloudClient(HALF, (f"127.0.0.1:{cloud.port}",), shown)
        reply = client.hello(30).reply()
        client.close()

    assert reply.model == HALF.name


def test_a_device_never_sends_its_token_in_the_clear(files):
    """To another machine a token takes TLS."""
    with pytest.raises(JanusError, match="in the clear"):
        CloudClient(HALF, ("192.0.2.1:7000",), DeviceCredentials(token=files["token"]))


@pytest.mark.parametrize(
    ("give", "says"),
    [
        (lambda f: CloudCredentials(certificate=f["cloud.pem"]), "belong together"),
        (lambda f: CloudCredentials(client_ca=f["ca.pem"]), "need TLS"),
        (lambda f: DeviceCredentials(ca=f["ca.pem"], key=f["device-key.pem"]), "belong together"),
        (lambda f: DeviceCredentials(certificate=f["cloud.pem"], key=f["cloud-key.pem"]), "needs TLS"),
        (lambda f: DeviceCredentials(ca=f["token"]).channel_credentials(), "not a PEM file"),
        (lambda f: DeviceCredentials(ca=f["ca.pem"].with_name("gone")).channel_credentials(), "cannot be read"),
        (lambda f: read_token(f["ca.pem"].with_name("gone")), "cannot be read"),
    ],
)
def test_credentials_that_do_not_belong_together_are_named(files, give, says):
    """One sentence that names what is missing or wrong."""
    with pytest.raises(JanusError, match=says):
        give(files)


@pytest.mark.parametrize("text", ["", "short\n", "white space in the middle of it\n", "ümläütß" * 5])
def test_a_token_that_is_no_secret_is_refused(tmp_path, text):
    """Too short, not on one line, or not to be sent in a header; the sentence does not repeat it."""
    path = tmp_path / "token"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(JanusError, match="a token is one line") as refused:
        read_token(path)
    assert not text.strip() or text.strip() not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "pair"), [("127.0.0.1:7000", ("127.0.0.1", 7000)), ("[::1]:0", ("::1", 0)), ("a.b:65535", ("a.b", 65535))]
)
def test_addresses_are_read_and_written_alike(text, pair):
    """HOST:PORT and [IPv6]:PORT."""
    assert split_address(text) == pair
    assert join_address(*pair) == text


@pytest.mark.parametrize(
    "text", ["", "7000", ":7000", "host", "host:", "host:x", "host:65536", "::1:7000", "[]:1", "a:-1"]
)
def test_what_is_no_address_is_named(text):
    """With an example of one."""
    with pytest.raises(JanusError, match="is not HOST:PORT"):
        split_address(text)


def test_a_refusal_cannot_write_lines_of_its_own_into_the_log(caplog):
    """What it quotes of the request is shown without line breaks and without what controls a terminal."""
    with caplog.at_level(logging.WARNING):
        RefusalLog()("peer", grpc.StatusCode.INVALID_ARGUMENT, "not \nrefused nobody\x1b[2J: OK")

    assert [record.getMessage() for record in caplog.records] == [
        "refused peer: INVALID_ARGUMENT: not \ufffdrefused nobody\ufffd[2J: OK"
    ]


def test_refusals_cannot_fill_the_log(caplog):
    """So many lines a second, then only how many there were more."""
    now = [0.0]
    log = RefusalLog(lines_per_s=3, clock=lambda: now[0])
    with caplog.at_level(logging.WARNING):
        for _ in range(100):
            log("peer", grpc.StatusCode.INVALID_ARGUMENT, "reason")
        now[0] = 1.0
        log("peer", grpc.StatusCode.INVALID_ARGUMENT, "reason")

    assert [record.getMessage() for record in caplog.records][2:] == [
        "refused peer: INVALID_ARGUMENT: reason",
        "refused 97 more",
        "refused peer: INVALID_ARGUMENT: reason",
    ]
