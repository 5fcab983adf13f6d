"""A rehearsal site's clock may stand still, a live one's may not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dmsops.core.errors import BadSetting
from dmsops.core.people import Person, Role
from dmsops.ops import connect, create_site

LEAD = Person("lead", Role.LEAD)


def test_a_rehearsal_site_shows_the_time_that_it_was_told(tmp_path):
    site = create_site(tmp_path / "s", lead="lead", mode="rehearsal", stand_at="2022-12-04T04:42:00Z")
    assert connect(site, operator=LEAD).clock.now() == datetime(2022, 12, 4, 4, 42, tzinfo=UTC)


def test_a_live_site_does_not_open_with_a_standing_clock(tmp_path):
    site = create_site(tmp_path / "s", lead="lead", stand_at="2022-12-04T04:42:00Z")
    with pytest.raises(BadSetting, match="stand_at"):
        connect(site, operator=LEAD)


def test_the_environment_does_not_rename_a_site_that_was_named(tmp_path, monkeypatch):
    here, there = create_site(tmp_path / "a", lead="lead"), create_site(tmp_path / "b", lead="lead")
    monkeypatch.setenv("DMSOPS_SITE", str(there))
    assert connect(here, operator=LEAD).settings.site == here
    assert connect(operator=LEAD).settings.site == there
