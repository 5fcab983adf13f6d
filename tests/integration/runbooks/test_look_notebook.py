"""The scientists' notebook draws what it promises, on a site with one made-up wavefront pair."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from dmsops.procedures.engine import kernel_options
from tests.runbooks.make_site import make_site

NOTEBOOK = Path(__file__).resolve().parents[3] / "notebooks" / "look_at_wfscmb.ipynb"


@pytest.fixture(scope="module")
def widgets(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """Run the notebook and give the state of its widgets."""
    site = make_site(tmp_path_factory.mktemp("look") / "site")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    around = {"resources": {"metadata": {"path": str(NOTEBOOK.parent)}}, **kernel_options({"DMSOPS_SITE": str(site)})}
    NotebookClient(notebook, kernel_name="python3", timeout=120, **around).execute()
    return list(notebook.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"].values())


def test_every_view_is_drawn_without_an_error(widgets):
    views = [w["state"]["outputs"] for w in widgets if w["model_name"] == "OutputModel"]
    assert len(views) == 6
    assert all(views)
    assert [o for view in views for o in view if o["output_type"] == "error" or o.get("name") == "stderr"] == []


def test_three_views_are_pictures_and_three_are_tables(widgets):
    shown = [o for w in widgets if w["model_name"] == "OutputModel" for o in w["state"]["outputs"] if o["output_type"] == "display_data"]
    assert sum("application/vnd.holoviews_exec.v0+json" in o["data"] for o in shown) == 3
    assert sum("text/markdown" in o["data"] for o in shown) == 3


def test_the_sites_combined_images_can_be_chosen(widgets):
    (choice,) = (w["state"] for w in widgets if w["model_name"] == "DropdownModel")
    assert choice["_options_labels"] == ["jw02726-o402_t001_nircam_f212n-wlm8-sub16-nrca3_wfscmb-04.fits"]
