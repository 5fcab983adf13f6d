"""The real server on a site with toy steps: ``python -m tests.browser.serve_toy --site DIR --port 0 [--forgetful]``."""

import sys

from dashboards import serve
from tests.browser import toy_site

if __name__ == "__main__":
    assert toy_site.level1b
    arguments = sys.argv[1:]
    if "--forgetful" in arguments:  # gives a page up at once while its browser is not there
        arguments.remove("--forgetful")
        serve.UNUSED_MS, serve.LOOK_MS = 100, 50
    sys.exit(serve.main(arguments))
