"""The archive says how it is."""

from __future__ import annotations

from dmsops.components import health
from dmsops.ops import Ops
from tests.browser import archive_site as site_of
from tests.browser import toy_site


def _health(ops: Ops) -> tuple[str, int, str]:
    (found,) = [h for h in health(ops) if h.component.id == "C12"]
    return found.state, found.waiting, found.sentence


def test_what_waits_for_a_person_is_counted_with_its_procedure(tmp_path):
    ops = site_of.full(tmp_path / "site")
    said = "Ingests refused (procedure P15): 2; errors found by the doctor (procedure P16): 3; damaged objects (procedure P16): 1."
    assert _health(ops) == ("attention", 6, said)
    ops.db.dispose()


def test_bytes_that_were_never_read_again_are_told_and_are_no_alarm(tmp_path):
    ops = toy_site.empty(tmp_path / "site", mode="rehearsal", name="string six")
    site_of.take(ops, tmp_path, [f"{site_of.SOUND}_cal.fits"])
    state, waiting, sentence = _health(ops)
    assert (state, waiting) == ("good", 0)
    assert sentence == "Observations held: 1; nothing known is wrong with them. Bytes to be read again: 2 objects."
    ops.db.dispose()
