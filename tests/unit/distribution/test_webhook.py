"""Which addresses are told, and what an answer means."""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.core.config import Settings
from dmsops.core.errors import BadInput, BadSetting
from dmsops.distribution import webhook
from dmsops.distribution.outcomes import Result


def settings(*private: str) -> Settings:
    return Settings(site="/nowhere", webhook_private=private)


def one(address: str, number: int = 1, owner: str = "ann") -> Any:
    """A subscription's row."""
    return SimpleNamespace(id=number, owner=owner, made_at=datetime(2022, 12, 4, tzinfo=UTC), address=address)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names and their addresses, in the place of the network's; numbers stand for themselves."""
    known: dict[str, list[str]] = {"hook.example.org": ["93.184.216.34"]}

    def look_up(host: str, *_: Any, **__: Any) -> list[Any]:
        try:
            found = [str(ipaddress.ip_address(host))]
        except ValueError:
            found = known.get(host, [])
        if not found:
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (place, 0)) for place in found]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


@pytest.mark.parametrize("address", ["https://hook.example.org/x?y=1", "http://hook.example.org", "https://hook.example.org:8443/"])
def test_public_addresses_are_told(names: Any, address: str) -> None:
    webhook.need_usable(address, settings())


@pytest.mark.parametrize(
    "address",
    [
        "ftp://hook.example.org/", "file:///etc/passwd", "//hook.example.org", "hook.example.org", "https://", "",
        "https://me:secret@hook.example.org/", "https://me@hook.example.org/", "https://hook.example.org/#part",
        "https://hook.example.org/a b", "https://hook.example.org/\r\nX: y", "https://hook.example.org\\@127.0.0.1/",
        "https://hook.example.org:25/", "https://hook.example.org:99999/", "https://h\u00f6k.example.org/", "https://[::1", "https://nobody.invalid/",
        "https://hook.example.org/" + "x" * 2000,
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_in_words(names: Any, address: str) -> None:
    with pytest.raises(BadInput, match="field 'address'"):
        webhook.need_usable(address, settings())


@pytest.mark.parametrize(
    "place",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
        "ff02::1",
    ],
)  # fmt: skip
def test_addresses_of_our_own_machines_are_refused_by_number_and_by_name(names: dict[str, list[str]], place: str) -> None:
    host = f"[{place}]" if ":" in place else place
    names["inside.example.org"] = ["93.184.216.34", place]
    for address in (f"https://{host}/", "https://inside.example.org/"):
        with pytest.raises(BadInput, match="not a public address"):
            webhook.need_usable(address, settings())


def test_the_setting_lets_named_hosts_and_networks_in(names: dict[str, list[str]]) -> None:
    names["hook.lan"] = ["10.2.3.4"]
    webhook.need_usable("http://hook.lan:8000/", settings("HOOK.lan"))
    webhook.need_usable("http://10.2.3.4:8000/", settings("10.0.0.0/8"))
    with pytest.raises(BadInput, match="not a public"):
        webhook.need_usable("http://10.2.3.4:8000/", settings("hook.lan", "10.3.0.0/16"))
    with pytest.raises(BadSetting, match="webhook_private"):
        webhook.need_usable("http://10.2.3.4:8000/", settings("10.0.0.0/99"))


@given(st.text(max_size=60))
def test_no_text_makes_it_fail_otherwise(text: str) -> None:
    with pytest.raises(BadInput, match="field 'address'"):
        webhook.need_usable(text if text.isascii() and "." not in text else f"\x00{text}", settings())


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (200, Result.DONE), (202, Result.DONE), (204, Result.DONE), (301, Result.LATER), (307, Result.LATER), (400, Result.REFUSED),
        (401, Result.LATER), (404, Result.LATER), (410, Result.GONE), (422, Result.REFUSED), (429, Result.LATER), (500, Result.LATER),
        (503, Result.LATER),
    ],
)  # fmt: skip
def test_an_answer_means_what_it_says(status: int, result: Result) -> None:
    assert webhook._judged(status).result is result


def test_a_name_that_turns_to_our_own_machine_later_is_not_told(names: dict[str, list[str]], ops: Any) -> None:
    names["hook.example.org"] = ["127.0.0.1"]
    outcome = webhook.post(ops, one("http://hook.example.org/"), {"id": "evt-1"})
    assert outcome.result is Result.LATER
    assert "not a public address" in outcome.why


def test_the_connection_goes_to_the_address_that_was_looked_at(names: Any, ops: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    async def status(url: str, name: str, headers: dict[str, str], body: bytes) -> int:
        seen.update(url=url, name=name, host=headers["Host"])
        return 200

    monkeypatch.setattr(webhook, "_status", status)
    assert webhook.post(ops, one("https://hook.example.org:8443/x?y=1"), {"id": "evt-1"}).result is Result.DONE
    assert seen == {"url": "https://93.184.216.34:8443/x?y=1", "name": "hook.example.org", "host": "hook.example.org:8443"}


def test_a_secret_is_a_subscription_s_own_and_the_same_in_every_process(ops: Any) -> None:
    mine = webhook.secret(ops, one(""))
    assert webhook.secret(ops, one("")) == mine
    assert len({mine, webhook.secret(ops, one("", 2)), webhook.secret(ops, one("", owner="ben"))}) == 3


def test_a_key_that_others_may_read_signs_nothing(names: Any, ops: Any) -> None:
    webhook.secret(ops, one(""))
    (ops.settings.site / "signing.key").chmod(0o644)
    outcome = webhook.post(ops, one("https://hook.example.org/"), {"id": "evt-1"})
    assert (outcome.result, "others may read" in outcome.why) == (Result.LATER, True)


def read_whole(talking: socket.socket) -> None:
    """Read a request to the end of its body: to close with bytes unread would reset the connection, answer and all."""
    read = b""
    while b"\r\n\r\n" not in read:
        piece = talking.recv(65536)
        if not piece:
            return
        read += piece
    head, _, body = read.partition(b"\r\n\r\n")
    length = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])  # type: ignore[index]
    while len(body) < length:
        piece = talking.recv(65536)
        if not piece:
            return
        body += piece


@contextmanager
def answering(answer: bytes, context: ssl.SSLContext | None = None, *, drip: bool = False) -> Iterator[int]:
    """Answer each connection with these bytes, perhaps one by one for ever; gives the port."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def talk(connection: socket.socket) -> None:
        try:
            with context.wrap_socket(connection, server_side=True) if context else connection as talking:
                read_whole(talking)
                talking.sendall(answer)
                while drip and not over.wait(0.02):
                    talking.sendall(b"x")
        except OSError:
            pass

    def serve() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.fixture
def near(ops: Any, names: dict[str, list[str]]) -> Any:
    """A site that may tell this machine, which is also called hook.example.org and other.example.org."""
    names |= {"hook.example.org": ["127.0.0.1"], "other.example.org": ["127.0.0.1"]}
    allowed = ops.settings.model_copy(update={"webhook_private": ("127.0.0.0/8",)})
    return type(ops)(settings=allowed, clock=ops.clock, db=ops.db, store=ops.store, log=ops.log, operator=ops.operator)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b""])
def test_a_receiver_that_answers_letter_by_letter_is_left_after_a_while(near: Any, answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "SECONDS", 0.3)
    with answering(answer, drip=True) as port:
        assert webhook.post(near, one(f"http://127.0.0.1:{port}/"), {"id": "evt-1"}).result is Result.LATER


@pytest.mark.parametrize("answer", [b"HELLO\r\n\r\n", b"HTTP/1.1 999 \xff\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000, b""])
def test_what_is_no_answer_is_tried_again(near: Any, answer: bytes) -> None:
    with answering(answer) as port:
        assert webhook.post(near, one(f"http://127.0.0.1:{port}/"), {"id": "evt-1"}).result is Result.LATER


def test_an_answer_without_end_is_not_read_to_its_end(near: Any) -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 200_000) as port:
        assert webhook.post(near, one(f"http://127.0.0.1:{port}/"), {"id": "evt-1"}).result is Result.DONE


def certificate(folder: Path, name: str) -> Path:
    """Make a certificate for a name, signed by itself, with its key in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    signed = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    form = serialization.PrivateFormat.PKCS8
    path = folder / "pem"
    path.write_bytes(signed.public_bytes(pem) + key.private_bytes(pem, form, serialization.NoEncryption()))
    return path


def test_a_certificate_must_be_the_name_s_although_the_number_is_spoken_to(near: Any, tmp_path: Path, monkeypatch: Any) -> None:
    pem = certificate(tmp_path, "hook.example.org")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    monkeypatch.setattr(webhook, "_tls", lambda: ssl.create_default_context(cafile=pem))
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", context) as port:
        outcomes = [webhook.post(near, one(f"https://{name}.example.org:{port}/"), {"id": "evt-1"}) for name in ("hook", "other")]
    assert [outcome.result for outcome in outcomes] == [Result.DONE, Result.LATER]
    assert "other.example.org" in outcomes[1].why
