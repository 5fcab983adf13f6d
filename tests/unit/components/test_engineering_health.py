"""The components of engineering say how they are."""

from __future__ import annotations

from dmsops.components import health
from tests.browser import engineering_site as site_of


def test_what_waits_for_a_person_is_counted_with_its_procedure(tmp_path):
    ops = site_of.full(tmp_path / "site")
    found = {h.component.id: h for h in health(ops)}
    assert (found["C03"].state, found["C03"].waiting) == ("attention", 4)
    assert found["C03"].sentence == "Files refused (procedure P03): 2; ingests failed (procedure P08): 1; gaps open (procedure P03): 1."
    assert (found["C04"].state, found["C04"].waiting) == ("attention", 1)
    assert found["C04"].sentence.startswith(
        "Contested intervals to settle: 1 (procedure P14). The newest of 5,530 samples is of 2022-12-04T"
    )
    ops.db.dispose()


def test_an_empty_site_is_good_and_says_that_nothing_is_held(ops):
    found = {h.component.id: h for h in health(ops)}
    assert (found["C03"].state, found["C04"].state) == ("good", "good")
    assert found["C04"].sentence == "No sample is held."
