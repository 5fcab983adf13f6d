"""F37 and F38, the partners' part: found, reported and repaired end to end, between a real archive and a real second site."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from dmsops.archive import finding_queries
from dmsops.catalogue.registry import Scope
from dmsops.core.db import reading
from dmsops.distribution import accounts, partners
from dmsops.flows import doctor, repairs
from dmsops.flows.partners import states, story
from dmsops.ops import Ops
from dmsops.testbed.faults import strike
from dmsops.testbed.partner.files import sync
from dmsops.testbed.partner.harvest import harvest
from dmsops.testbed.partner.site import PartnerSite, file, held
from dmsops.testbed.partner.validate import inventory, validate
from tests.archives import lay_inventory
from tests.integration.partners.sites import ROOT, Changing, archive, feed_of, ours, partner, theirs
from tests.serving import served


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    """Give a rehearsal archive with four observations, ten minutes apart, an hour old."""
    with archive(tmp_path / "site", mode="rehearsal") as opened:
        changing = Changing(opened, tmp_path / "made", random.Random(1))
        for n in range(1, 5):
            changing.put(n, "cal")
            opened.clock.advance(timedelta(minutes=10))
        opened.clock.advance(timedelta(hours=1))
        yield opened


@pytest.fixture
def address(ops: Ops) -> Iterator[str]:
    with served(ops) as base:
        yield base


@pytest.fixture
def cadc(ops: Ops, address: str, tmp_path: Path) -> Iterator[PartnerSite]:
    """Give a partner that has harvested everything and its files."""
    site = partner(ops, tmp_path / "cadc", address, collection="JWST-REHEARSAL")
    take(site)
    assert theirs(site) == ours(ops)
    yield site
    site.db.dispose()


def take(site: PartnerSite) -> None:
    with feed_of(site) as feed:
        harvest(site, feed)
        sync(site, feed)


def lost(site: PartnerSite, name: str) -> None:
    """Let the partner lose an observation, as a harvest that was missed does."""
    with site.db.begin() as c:
        c.execute(sa.delete(held).where(held.c.observation_id == name))


def audited(ops: Ops, *checks: str, deep: bool = False) -> list[dict]:
    doctor.audit(ops, Scope(deep=deep), list(checks))
    return finding_queries.findings(ops, checks=checks)


def test_a_missed_harvest_is_found_by_both_sides_and_told_again(ops: Ops, cadc: PartnerSite) -> None:
    name = ROOT.format(2)
    lost(cadc, name)
    take(cadc)
    assert name not in theirs(cadc), "it is farther back than any harvest looks"
    with feed_of(cadc) as feed:
        found = validate(cadc, feed, repair=False)
    assert [(one.kind, one.uri) for one in found.anomalies] == [("missed observation", name)]

    lay_inventory(ops, "cadc", inventory(cadc))
    (finding,) = audited(ops, "C48")
    assert (finding["observation_id"], "P16" in finding["remedy"]) == (name, True)
    assert states(ops)[0]["differences"] == {"missed observation": 1}
    assert [row["observation_id"] for row in story(ops, "cadc")["differs"]] == [name]

    plan = repairs.preview(ops, [finding["id"]])
    repairs.repair(ops, [finding["id"]], ticket=plan.hash, reason="cadc missed it")
    take(cadc)
    assert theirs(cadc) == ours(ops)
    ops.clock.advance(timedelta(hours=1))
    lay_inventory(ops, "cadc", inventory(cadc))
    assert audited(ops, "C48") == []
    assert states(ops)[0]["differences"] == {}


def test_a_full_validation_alone_repairs_what_was_missed_too(ops: Ops, cadc: PartnerSite) -> None:
    lost(cadc, ROOT.format(1))
    with feed_of(cadc) as feed:
        validate(cadc, feed)
    take(cadc)
    assert theirs(cadc) == ours(ops)
    with feed_of(cadc) as feed:
        assert validate(cadc, feed).anomalies == ()


def test_what_a_partner_refuses_is_reported_repaired_and_taken(ops: Ops, cadc: PartnerSite, address: str, tmp_path: Path) -> None:
    (words,) = strike(ops, ["F38P"])
    name = next(word for word in words.replace(",", "").split() if word.startswith("jw"))
    fresh = partner(ops, tmp_path / "esac", address, "esac", collection="JWST-REHEARSAL")
    for _ in range(3):
        take(fresh)
        ops.clock.advance(timedelta(minutes=2))
    assert theirs(fresh) == {key: value for key, value in ours(ops).items() if key != name}
    (row,) = partners.refusals(ops)
    assert (row["partner"], row["uri"]) == ("esac", f"caom:JWST-REHEARSAL/{name}")
    assert row["reason"].startswith("mismatching checksums")
    assert {one["name"]: one["refusals"] for one in states(ops)} == {"cadc": 0, "esac": 1}

    found = audited(ops, "C45", deep=True)
    assert [one["observation_id"] for one in found] == [name]
    plan = repairs.preview(ops, [found[0]["id"]])
    assert repairs.repair(ops, [found[0]["id"]], ticket=plan.hash, reason="as esac says").fixed == 1
    ops.clock.advance(timedelta(hours=1))
    take(fresh)
    assert theirs(fresh) == ours(ops)
    assert partners.refusals(ops) == []
    assert [one["state"] for one in partners.refusals(ops, states=())] == ["taken"]
    fresh.db.dispose()


def test_how_far_a_partner_is_behind_is_known(ops: Ops, cadc: PartnerSite, tmp_path: Path) -> None:
    (row,) = states(ops)
    assert (row["behind"], row["waits_since"], row["harvested_at"]) == (0, None, ops.clock.now())
    ops.clock.advance(timedelta(minutes=1))
    Changing(ops, tmp_path / "more", random.Random(1), values={4: 1}).put(4)
    (row,) = states(ops)
    assert (row["behind"], row["waits_since"]) == (1, ops.clock.now())


def test_files_come_when_they_are_public_and_to_a_full_partner_before(ops: Ops, address: str, cadc: PartnerSite, tmp_path: Path) -> None:
    full = partner(ops, tmp_path / "full", address, "full", collection="JWST-REHEARSAL", files="all", scopes=("read", "harvest"))
    changing = Changing(ops, tmp_path / "go", random.Random(1), values={8: 1})
    name = f"{changing.put(9, 'cal', category='GO')}_cal.fits"
    for site, there in ((cadc, False), (full, True)):
        take(site)
        assert site.path_of(name).is_file() is there
    with feed_of(cadc) as feed:
        assert validate(cadc, feed).counts["notPublic"] == 1
    with reading(cadc.db) as c:
        release = c.execute(sa.select(file.c.release).where(file.c.uri.endswith(name))).scalar_one()
    ops.clock.advance(release - ops.clock.now() - timedelta(microseconds=1))
    take(cadc)
    assert not cadc.path_of(name).is_file()
    ops.clock.advance(timedelta(microseconds=1))
    take(partner(ops, cadc.folder, address, collection="JWST-REHEARSAL"))  # its token had ended
    assert cadc.path_of(name).read_bytes() == full.path_of(name).read_bytes()
    full.db.dispose()


def test_a_second_site_in_a_process_of_its_own_harvests_validates_and_sends_its_inventory(ops: Ops, address: str, tmp_path: Path) -> None:
    accounts.put(ops, "esac", "partner", reason="agreed")
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text(accounts.give_token(ops, "esac", reason="agreed", scopes=["harvest"]))

    def run(*words: str) -> dict:
        whole = [sys.executable, "-m", "dmsops", "testbed", "partner", *words, "--json"]
        done = subprocess.run(whole, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout)

    folder = str(tmp_path / "esac")
    run("init", folder, "--feed", address, "--collection", "JWST-REHEARSAL", "--token-file", str(token))
    done = run("harvest", folder)
    assert (done["harvest"]["taken"], done["files"]["taken"], done["harvest"]["lost"]) == (4, 4, [])
    assert run("validate", folder)["anomalies"] == []
    assert run("show", folder)["files"] == 4
    run("inventory", folder, "--out", str(tmp_path / "esac.tsv"))
    lay_inventory(ops, "esac", (tmp_path / "esac.tsv").read_bytes())
    assert audited(ops, "C48") == []
