"""Messages to mailboxes: what stands in them, and what comes of handing them over."""

from __future__ import annotations

import email
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from hypothesis import given
from hypothesis import strategies as st

from dmsops.core.config import Settings
from dmsops.core.errors import BadInput, BadSetting
from dmsops.distribution import dispatch, mail
from dmsops.distribution.notices import Event, Happening, put
from dmsops.distribution.outcomes import Result
from dmsops.ops import Ops
from tests.telling import lane, standing, subscribed, telling_site

NOW = datetime(2022, 12, 4, 5, tzinfo=UTC)
SITE = Settings(site="/nowhere", mail_relay="mail.example.org", mail_from="archive@example.org", name="Test site")


class Mailbox:
    """A mail server's hand: keeps what it gets, and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.answers: list[str] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802 - the library's name
        if self.answers and self.answers[0].startswith("5"):
            return self.answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - the library's name
        self.got.append(email.message_from_bytes(envelope.content, policy=default))
        return self.answers.pop(0) if self.answers else "250 OK"


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Mailbox, int]]:
    box = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    controller.stop()


@pytest.fixture
def box(server: tuple[Mailbox, int]) -> Mailbox:
    server[0].got.clear()
    server[0].answers.clear()
    return server[0]


@pytest.fixture
def ops(tmp_path: Path, server: tuple[Mailbox, int]) -> Iterator[Ops]:
    opened = telling_site(tmp_path / "site", mail_relay=f"127.0.0.1:{server[1]}", mail_from="archive@example.org")
    yield opened
    opened.db.dispose()


def happen(ops: Ops, *names: str) -> None:
    with ops.db.begin() as c:
        put(c, [Happening(event=Event.NEW, observation_id=name, version=1, at=ops.clock.now()) for name in names], ops.clock.now())


def tell(ops: Ops) -> int:
    return dispatch.deliver(ops, lambda _, ids: dict.fromkeys(ids, NOW - timedelta(days=1)))


def told(**changes: Any) -> dict[str, Any]:
    return {
        "id": "evt-7", "event": "New", "observation_id": "jw1", "version": 1, "program": "02726", "target": "", "instrument": "",
        "at": "2022-12-04T05:00:00.000Z", "products": [], **changes,
    }  # fmt: skip


def test_each_notice_is_a_message_with_an_id_that_a_repeat_has_as_well(ops: Ops, box: Mailbox) -> None:
    made = subscribed(ops, "New", channel="email")
    happen(ops, "jw1", "jw2")
    box.answers[:] = ["250 OK", "451 try again"]
    tell(ops)
    ops.clock.advance(timedelta(seconds=10))
    tell(ops)
    assert [message["To"] for message in box.got] == ["ann@example.org"] * 3
    assert [message["Message-ID"] for message in box.got] == [f"<evt-{n}.s{made.id}@example.org>" for n in (1, 2, 2)]
    assert [message["Subject"] for message in box.got][:2] == ["[DMSOps] New: jw1", "[DMSOps] New: jw2"]
    assert lane(ops, made.id) == [("New", "delivered")] * 2


def test_a_day_is_one_message_after_its_end_and_a_repeat_is_the_same(ops: Ops, box: Mailbox) -> None:
    made = subscribed(ops, "New", channel="email-daily")
    happen(ops, "jw1", "jw2")
    tell(ops)
    assert box.got == []
    ops.clock.advance(timedelta(days=1))
    happen(ops, "jw3")
    box.answers[:] = ["451 try again"]
    tell(ops)
    ops.clock.advance(timedelta(days=1))
    tell(ops)
    bodies = [message.get_content() for message in box.got]
    assert [[name for name in ("jw1", "jw2", "jw3") if name in body] for body in bodies] == [["jw1", "jw2"], ["jw1", "jw2"], ["jw3"]]
    assert box.got[0]["Message-ID"] == box.got[1]["Message-ID"] != box.got[2]["Message-ID"]
    assert lane(ops, made.id) == [("New", "delivered")] * 3


def test_a_mailbox_that_is_not_there_is_given_up_and_said(ops: Ops, box: Mailbox) -> None:
    made = subscribed(ops, "New", channel="email")
    happen(ops, "jw1")
    box.answers[:] = ["550 no such mailbox"] * 8
    for _ in range(8):
        tell(ops)
        ops.clock.advance(timedelta(hours=2))
    assert lane(ops, made.id) == [("New", "refused")]
    assert standing(ops, made.id).failing_since is not None


def test_a_relay_that_does_not_answer_is_tried_again(ops: Ops) -> None:
    away = ops.settings.model_copy(update={"mail_relay": "127.0.0.1:1"})
    gone = Ops(settings=away, clock=ops.clock, db=ops.db, store=ops.store, log=ops.log, operator=ops.operator)
    assert mail.send(gone, 1, "ann@example.org", [told()]).result is Result.LATER


@given(st.text(max_size=80), st.text(max_size=80), st.lists(st.text(max_size=80), max_size=3))
def test_nothing_that_the_archive_holds_makes_a_header(observation: str, target: str, products: list[str]) -> None:
    message = mail.compose(SITE, 1, "ann@example.org", [told(observation_id=observation, target=target, products=products)], NOW)
    read = email.message_from_bytes(message.as_bytes(), policy=default)
    expected = {"Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "X-DMSOps-Event-Id", "Content-Type"}
    assert set(read.keys()) - {"Content-Transfer-Encoding", "MIME-Version"} == expected
    assert read["To"] == "ann@example.org"


@pytest.mark.parametrize(
    "address",
    [
        "", "ann", "ann@", "@example.org", "a b@example.org", "ann@example.org\r\nBcc: all@example.org", "ann@example.org,ben@example.org",
        "<ann@example.org>", "ann@-example.org", "ann@exa..mple.org", "ann\x00@example.org", "\u00e4nn@example.org",
        "x" * 65 + "@example.org",
    ],
)  # fmt: skip
def test_what_is_no_mailbox_is_refused(address: str) -> None:
    with pytest.raises(BadInput, match="not an e-mail address"):
        mail.need_usable(address, SITE)


def test_a_site_without_a_relay_takes_no_mailbox() -> None:
    with pytest.raises(BadInput, match="sends no e-mail"):
        mail.need_usable("ann@example.org", SITE.model_copy(update={"mail_relay": ""}))


@pytest.mark.parametrize(("text", "place"), [("mail", ("mail", 25)), ("mail:587", ("mail", 587)), ("[::1]:2525", ("::1", 2525))])
def test_a_relay_is_a_host_and_a_port(text: str, place: tuple[str, int]) -> None:
    assert mail.relay(text) == place


@pytest.mark.parametrize("text", ["", "mail:x", "mail:99999", "mail server", "http://mail"])
def test_what_is_no_relay_is_said(text: str) -> None:
    with pytest.raises(BadSetting, match="mail_relay"):
        mail.relay(text)
