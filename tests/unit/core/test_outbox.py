"""Messages to the neighbours: a row with its act, then a document; one name is one message."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from dmsops.core import outbox
from dmsops.core.db import reading
from dmsops.core.errors import BadName, Failed
from dmsops.testing.sites import small_site


@pytest.fixture
def ops(tmp_path):
    opened = small_site(tmp_path / "site", datetime(2022, 12, 4, tzinfo=UTC))
    yield opened
    opened.db.dispose()


@pytest.fixture
def folder(ops):
    return ops.settings.folder("outbox")


def say(ops, name="D1_ack.json", **document):
    with ops.db.begin() as c:
        return outbox.put(c, ops.clock, "fos", name, kind="acknowledgement", subject="D1", document=document)


def test_a_message_is_laid_out_once_under_its_name(ops, folder):
    assert say(ops, files=3)
    assert not say(ops, files=4)
    assert outbox.post(ops.db, ops.clock, folder) == 1
    assert json.loads((folder / "fos" / "D1_ack.json").read_text()) == {
        "message": "acknowledgement",
        "at": "2022-12-04T00:00:00.000Z",
        "files": 3,
    }
    assert outbox.post(ops.db, ops.clock, folder) == 0


def test_a_message_of_an_act_that_was_undone_is_not_said(ops, folder):
    with ops.db.connect() as c:
        outbox.put(c, ops.clock, "fos", "D1_ack.json", kind="acknowledgement", subject="D1", document={})
        c.rollback()
    assert outbox.post(ops.db, ops.clock, folder) == 0


def test_a_message_that_could_not_be_laid_out_waits(ops, folder):
    say(ops)
    (folder / "fos").write_text("no folder")
    with pytest.raises(Failed, match=r"'D1_ack\.json' cannot be laid into") as caught:
        outbox.post(ops.db, ops.clock, folder)
    assert "P04" in caught.value.remedy
    (folder / "fos").unlink()
    assert outbox.post(ops.db, ops.clock, folder) == 1


def test_what_the_neighbour_took_is_noted_once(ops, folder):
    say(ops)
    assert outbox.notice_collected(ops.db, ops.clock, folder) == 0
    outbox.post(ops.db, ops.clock, folder)
    assert outbox.notice_collected(ops.db, ops.clock, folder) == 0
    (folder / "fos" / "D1_ack.json").unlink()
    assert outbox.notice_collected(ops.db, ops.clock, folder) == 1
    assert outbox.notice_collected(ops.db, ops.clock, folder) == 0
    (row,) = outbox.messages(ops.db, subject="D1")
    assert row["collected_at"] == ops.clock.now()
    assert outbox.messages(ops.db, neighbour="pps") == []


def test_the_last_message_about_something_knows_its_number(ops):
    with reading(ops.db) as c:
        assert outbox.last(c, "fos", "acknowledgement", "D1") is None
    say(ops)
    say(ops, "D1_ack_002.json")
    with reading(ops.db) as c:
        last = outbox.last(c, "fos", "acknowledgement", "D1")
    assert (last.name, last.number) == ("D1_ack_002.json", 2)


def test_a_message_cannot_be_led_elsewhere(ops):
    with pytest.raises(BadName):
        say(ops, "../D1_ack.json")
