"""The real server on a site with toy steps: ``python -m tests.browser.serve_toy --site DIR --port 0``."""

import sys

from dashboards.serve import main
from tests.browser import toy_site

if __name__ == "__main__":
    assert toy_site.level1b
    sys.exit(main())
