"""Sphinx configuration: the pages in this folder, and those that `generate` writes from the code."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import generate  # noqa: E402 - found through the line above

import dmsops  # noqa: E402 - the same

generate.write_all(HERE / "reference" / "generated")

project = "DMSOps"
author = "DMSOps developers"
copyright = author  # noqa: A001 - Sphinx's own name
version = release = dmsops.__version__

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "reference/generated"]
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3
nitpicky = True

html_theme = "furo"
html_title = "DMSOps"
html_static_path = ["_static"]
html_copy_source = False
