"""One request over a real connection: what arrives, and what can be told for certain when something goes wrong."""

import datetime
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernels.errors import SettingsError
from resources import webhook
from resources.webhook import Fate, Outcome, Webhook
from tests.webhook_server import DROP, HANG, Receiver, free_port, receiver

BODY = b'{"symbol": "AAA"}'


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as state:
        yield state


def posted(server: Receiver) -> Outcome:
    return Webhook(server.url()).post(BODY, {"Idempotency-Key": "k1"})


def test_a_post_arrives_once_with_its_headers_at_the_whole_path(server: Receiver) -> None:
    assert posted(server) == (Fate.SENT, "HTTP status 204")
    [(method, path, headers, body)] = server.requests
    assert (method, path, body) == ("POST", "/hook/0p3n-sesame?token=s3cret", {"symbol": "AAA"})
    assert headers["Idempotency-Key"] == "k1"
    assert headers["Content-Type"] == "application/json"
    assert headers["Host"] == f"127.0.0.1:{server.port}"


def test_an_address_without_a_path_is_posted_to_the_root(server: Receiver) -> None:
    assert Webhook(server.url("")).post(BODY, {}).fate == Fate.SENT
    assert server.requests[0][1] == "/"


@pytest.mark.parametrize("status", [200, 201, 202, 299])
def test_every_status_of_success_is_sent(server: Receiver, status: int) -> None:
    server.answers = [status]
    assert posted(server).fate == Fate.SENT


@pytest.mark.parametrize("status", [400, 404, 409, 429, 500, 503])
def test_a_refusal_is_a_failure_with_its_status(server: Receiver, status: int) -> None:
    server.answers = [status]
    assert posted(server) == (Fate.FAILED, f"HTTP status {status}")
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(server: Receiver, status: int) -> None:
    with receiver() as other:
        for target in (other.url(), "/elsewhere"):
            server.answers = [(status, target)]
            assert posted(server) == (Fate.FAILED, f"HTTP status {status}, a redirect, which isn't followed")
        assert other.requests == []
    assert [path for _, path, _, _ in server.requests] == ["/hook/0p3n-sesame?token=s3cret"] * 2


def test_a_receiver_that_never_answers_leaves_it_unknown(server: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    assert webhook.TIMEOUT == 10.0
    monkeypatch.setattr(webhook, "TIMEOUT", 0.2)
    server.answers = [HANG]
    assert posted(server) == (Fate.UNKNOWN, "no answer: TimeoutError")
    assert len(server.requests) == 1


def test_a_receiver_that_hangs_up_leaves_it_unknown(server: Receiver) -> None:
    server.answers = [DROP]
    assert posted(server) == (Fate.UNKNOWN, "no answer: RemoteDisconnected")


def test_nobody_listening_is_a_failure() -> None:
    outcome = Webhook(f"http://localhost:{free_port()}/s3cret").post(BODY, {})
    assert outcome == (Fate.FAILED, "no connection: ConnectionRefusedError")


def test_a_host_that_does_not_exist_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "s3cret.invalid isn't known")

    # The look-up itself would ask the network.
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    outcome = Webhook("https://s3cret.invalid/").post(BODY, {})
    assert outcome == (Fate.FAILED, "no connection: gaierror")


def test_a_proxy_of_the_environment_is_not_used(server: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    assert posted(server).fate == Fate.SENT


def test_a_receiver_that_speaks_no_tls_is_a_failure(server: Receiver) -> None:
    outcome = Webhook(f"https://127.0.0.1:{server.port}/s3cret").post(BODY, {})
    assert outcome.fate == Fate.FAILED
    assert outcome.reason.startswith("no connection: SSLError (")
    assert server.requests == []


def self_signed(folder: Path) -> str:
    """A PEM file with a key and a certificate that nobody vouches for."""
    x509 = pytest.importorskip("cryptography.x509", reason="cryptography isn't installed")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    (folder / "server.pem").write_bytes(pem)
    return str(folder / "server.pem")


def test_over_tls_a_known_certificate_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = self_signed(tmp_path)
    with receiver(certificate) as server:
        hook = Webhook(f"https://localhost:{server.port}/s3cret")
        outcome = hook.post(BODY, {})
        assert outcome == (Fate.FAILED, "no connection: SSLCertVerificationError (CERTIFICATE_VERIFY_FAILED)")
        assert server.requests == []
        monkeypatch.setitem(os.environ, "SSL_CERT_FILE", certificate)
        assert hook.post(BODY, {}).fate == Fate.SENT
        assert [body for *_, body in server.requests] == [{"symbol": "AAA"}]


@pytest.mark.parametrize(
    ("url", "got"),
    [
        ("http://hooks.example.com/s3cret", "http to another machine, where others can read along"),
        ("http://127.0.0.2/s3cret", "http to another machine, where others can read along"),
        ("http://localhost.example.com/s3cret", "http to another machine, where others can read along"),
        ("ftp://localhost/s3cret", "another scheme than http and https"),
        ("file:///s3cret", "another scheme than http and https"),
        ("s3cret", "another scheme than http and https"),
        ("https:///s3cret", "no host"),
        ("https://me:s3cret@example.com/", "a user name or a password, which isn't sent"),
        ("https://example.com:99999/s3cret", "a host or a port that is none"),
        ("https://example.com:0/s3cret", "port 0"),
        ("https://example..com/s3cret", "a host or a port that is none"),
        (f"https://{'a' * 70}.com/s3cret", "a host or a port that is none"),
        ("https://[::1/s3cret", "a host or a port that is none"),
        ("https://example.com/s3cret x", "a space, a control character, or a letter beyond ASCII"),
        ("https://example.com/s3cret\r\nX: y", "a space, a control character, or a letter beyond ASCII"),
        ("https://ex\u00e4mple.com/s3cret", "a space, a control character, or a letter beyond ASCII"),
    ],
)
def test_an_address_that_may_not_be_used_is_refused_in_words_that_do_not_repeat_it(url: str, got: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Webhook(url)
    assert (caught.value.where, caught.value.got) == ("environment variable WAVEMILL_ALERT_URL", got)
    assert "https://" in caught.value.expected
    assert "s3cret" not in str(caught.value)
    assert "example" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/services/T0/B0/x",
        "https://example.com:8443",
        "HTTPS://EXAMPLE.com/?a=b",
        "https://[::1]:8443/",
        "http://localhost/",
        "http://LOCALHOST:8000/x",
        "http://127.0.0.1:9",
    ],
)
def test_these_addresses_may_be_used(url: str) -> None:
    assert "example" not in repr(Webhook(url)).lower()
