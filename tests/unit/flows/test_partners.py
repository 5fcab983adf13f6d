"""Partners as staff see them, in the library and from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from dmsops.archive import feed
from dmsops.archive import partners as inventories
from dmsops.archive.ingest import ingest, product_of
from dmsops.catalogue.registry import Scope
from dmsops.cli import main
from dmsops.core.errors import NotFound
from dmsops.core.people import Role, put_person, system_user
from dmsops.distribution import accounts, partners
from dmsops.distribution.access import Kind, Requester
from dmsops.distribution.access import Scope as Token
from dmsops.distribution.audit import Recorder
from dmsops.flows import doctor
from dmsops.flows.partners import states, story
from dmsops.ops import Ops
from dmsops.testing.deliveries import START as DAY
from dmsops.testing.products import write_product
from dmsops.testing.sites import small_site
from tests.archives import lay_inventory

START = DAY + timedelta(hours=2)
ESAC = Requester(name="esac", kind=Kind.PARTNER, scopes=frozenset({Token.HARVEST}))
NAMES = [f"jw02726402001_03104_{n:05d}_nrca3" for n in (1, 2)]


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    """Give a site with two observations, an hour old, and one partner."""
    opened = small_site(tmp_path / "site", START)
    for name in NAMES:
        ingest(opened, [product_of(write_product(tmp_path / f"{name}_cal.fits", FILENAME=name))])
    accounts.put(opened, "esac", "partner", reason="agreed")
    opened.clock.advance(timedelta(hours=1))
    with opened.db.begin() as c:
        put_person(c, system_user(), Role.OPERATOR)
    yield opened
    opened.db.dispose()


def harvested(ops: Ops) -> None:
    Recorder(ops).record(partners.harvested(ESAC, "-", "JWST", ops.clock.now(), 0))


def command(ops: Ops, *words: str, code: int = 0) -> dict:
    done = CliRunner().invoke(main, [*words, "--site", str(ops.settings.site), "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def test_a_partner_that_never_harvested_is_behind_with_everything(ops: Ops) -> None:
    (row,) = states(ops)
    assert (row["harvested_at"], row["behind"], row["waits_since"], row["differences"]) == (None, 2, START, {})
    harvested(ops)
    (row,) = states(ops)
    assert (row["harvested_at"], row["behind"], row["waits_since"]) == (ops.clock.now(), 0, None)


def test_what_the_doctor_found_is_counted_by_partner(ops: Ops) -> None:
    accounts.put(ops, "cadc", "partner", reason="agreed")
    lines = inventories.inventory(ops).splitlines(keepends=True)
    lay_inventory(ops, "esac", b"".join(line for line in lines if NAMES[0].encode() not in line))
    lay_inventory(ops, "cadc", b"".join(lines))
    doctor.audit(ops, Scope(), ["C48"])
    assert {row["name"]: row["differences"] for row in states(ops)} == {"cadc": {}, "esac": {"missed observation": 1}}
    assert [row["observation_id"] for row in story(ops, "esac")["differs"]] == [NAMES[0]]


def test_the_story_of_one_partner_counts_no_changes_for_others(ops: Ops, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.put(ops, "cadc", "partner", reason="agreed")
    counted, real = [], feed.changes_after
    monkeypatch.setattr(feed, "changes_after", lambda *asked: counted.append(asked) or real(*asked))
    seen = story(ops, "esac")
    assert (seen["name"], seen["behind"], len(counted)) == ("esac", 2, 1)


def test_an_inventory_that_cannot_be_read_is_said(ops: Ops) -> None:
    lay_inventory(ops, "esac", b"nothing of the kind\n")
    assert "line 1" in story(ops, "esac")["fault"]
    with pytest.raises(NotFound, match="no partner"):
        story(ops, "nobody")


def test_refusals_are_listed_and_closed_from_the_command_line(ops: Ops) -> None:
    partners.tell(ops, ESAC, {f"caom:JWST/{NAMES[0]}": "mismatching checksums"})
    (row,) = command(ops, "partners", "refusals")
    assert command(ops, "partners", "list")[0]["refusals"] == 1
    seen = command(ops, "partners", "close-refusal", str(row["id"]))
    assert (seen["applied"], len(command(ops, "partners", "refusals"))) == (False, 1)
    done = command(ops, "partners", "close-refusal", str(row["id"]), "--apply", seen["plan"]["hash"], "--reason", "dealt with")
    assert done["applied"]
    assert command(ops, "partners", "refusals") == []
    assert command(ops, "partners", "refusals", "--all")[0]["closed_reason"] == "dealt with"
    assert command(ops, "partners", "show", "esac")["refused"][0]["state"] == "closed"
    assert command(ops, "partners", "close-refusal", "99", code=2)["error"]["code"] == "not-found"


def test_people_read_it_in_lines(ops: Ops) -> None:
    partners.tell(ops, ESAC, {f"caom:JWST/{NAMES[0]}": "mismatching checksums"})
    for words in (["list"], ["show", "esac"], ["refusals"]):
        done = CliRunner().invoke(main, ["partners", *words, "--site", str(ops.settings.site)])
        assert done.exit_code == 0
    assert "mismatching checksums" in done.output
