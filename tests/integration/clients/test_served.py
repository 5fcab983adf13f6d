"""``dmsops serve site`` and ``dmsops get`` as programs of their own: what is public is fetched over a real port."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from dmsops.core.people import Role, put_person, system_user
from tests.offered import EXCLUSIVE, OPEN, offered_site, uri


def dmsops(*words, **options):
    return [sys.executable, "-m", "dmsops", *words], {"text": True, "env": {**os.environ, "DMSOPS_ARCHIVE_TOKEN": ""}, **options}


@pytest.fixture
def there(tmp_path):
    """Serve a site; gives its address and the bytes of its files."""
    offered = offered_site(tmp_path / "site")
    with offered.ops.db.begin() as c:
        put_person(c, system_user(), Role.LEAD)
    offered.ops.db.dispose()
    command, options = dmsops("serve", "site", "--site", str(tmp_path / "site"), "--port", "0", stderr=subprocess.PIPE)
    with subprocess.Popen(command, **options) as server:
        line = next(line for line in server.stderr if "api/v0/invoke" in line)
        yield re.search(r"http://[0-9.]+:[0-9]+", line)[0], offered.files
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=60)
    assert server.returncode == 0


def test_public_files_are_fetched_from_a_site_that_is_served(there, tmp_path):
    address, files = there
    command, options = dmsops(
        "get", "--server", address, "--into", str(tmp_path / "files"), uri(OPEN[0]), uri(EXCLUSIVE), capture_output=True
    )
    done = subprocess.run(command, check=False, **options)
    assert done.returncode == 0, done.stderr
    found = {path.name: path.read_bytes() for path in (tmp_path / "files").iterdir()}
    assert found == {name: files[name] for name in (f"{OPEN[0]}_cal.fits", f"{EXCLUSIVE}_cal.fits")}
