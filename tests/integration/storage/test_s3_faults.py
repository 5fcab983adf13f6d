"""An S3 server that fails at any one request, and a writer that is killed: nothing acknowledged is lost, nothing half given."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import time
from contextlib import suppress

import obstore
import pytest

from dmsops.core.config import Settings
from dmsops.core.errors import NotFound, StoreUnreachable
from dmsops.storage.s3 import S3Store
from tests.s3 import s3_keys, s3_server, s3_settings  # noqa: F401 - fixtures
from tests.s3_faults import FAULTS, disturbed

CONTENTS = [b"one frame of pixels", b"another frame", b"x" * 300_000]
SUMS = [hashlib.sha256(content).hexdigest() for content in CONTENTS]
KEY = f"objects/{SUMS[0][:2]}/{SUMS[0][2:]}"


def put(store, files):
    store.put(files[0])


def put_again(store, files):
    store.put(files[0])


def put_many(store, files):
    assert store.put_many([(path, None) for path in files]) == SUMS


def path(store, files):
    assert store.path(SUMS[0]).read_bytes() == CONTENTS[0]


def verify(store, files):
    store.verify(SUMS[0])


def remove(store, files):
    with suppress(NotFound):  # the first try did it
        store.remove(SUMS[0])


def restore(store, files):
    store.restore(files[0], SUMS[0])


def set_aside(store, files):
    store.set_aside(SUMS[0])


BEFORE = {"put": [], "put_many": [], "put_again": [0], "path": [0], "verify": [0], "remove": [0], "restore": [0], "set_aside": [0]}
DAMAGED = (restore, set_aside)


@pytest.fixture
def files(tmp_path):
    made = [tmp_path / f"{n}.bin" for n in range(len(CONTENTS))]
    for file, content in zip(made, CONTENTS, strict=True):
        file.write_bytes(content)
    return made


def prepared(server, folder, files, verb):
    """Make a bucket in the state that the verb finds, and give its name."""
    bucket = server.new_bucket()
    store = S3Store(Settings(site=folder, **s3_settings(server, bucket=bucket)))
    for n in BEFORE[verb.__name__]:
        store.put(files[n])
        store._cache.drop(SUMS[n])
    if verb in DAMAGED:
        obstore.put(store._bucket._for(0), KEY, b"bad")
    return bucket


def left(store):
    """Everything that counts in the bucket and on the local disk."""
    for sha256 in store.objects():
        store.verify(sha256)
    kept = {bytes(obstore.get(store._bucket._for(0), entry.name).bytes()) for entry in store._bucket.names("damaged")}
    return list(store.objects()), kept, [e.name for e in store._bucket.names("removing")], store.unfinished()


def run(server, folder, files, verb, *, at=0, fault=""):
    """Run a verb with one request disturbed, again when it says that the server failed; gives what is left and what was asked."""
    bucket = prepared(server, folder, files, verb)
    with disturbed(server.endpoint, at=at, fault=fault) as (endpoint, plan):
        store = S3Store(Settings(site=folder, **s3_settings(server, bucket=bucket, endpoint=endpoint)))
        try:
            verb(store, files)
        except StoreUnreachable:
            verb(store, files)
        asked = list(plan.came)
    return left(S3Store(Settings(site=folder, **s3_settings(server, bucket=bucket)))), asked


@pytest.mark.parametrize("verb", [put, put_again, put_many, path, verify, remove, restore, set_aside], ids=lambda verb: verb.__name__)
def test_any_one_failing_request_leaves_what_an_undisturbed_verb_leaves(verb, tmp_path, files, s3_server, s3_keys):  # noqa: F811
    wanted, asked = run(s3_server, tmp_path / "quiet", files, verb)
    assert wanted[1:] == ({b"bad"} if verb in DAMAGED else set(), [], 0)
    differing = {}
    for at in range(1, len(asked) + 1):
        for fault in FAULTS if len(asked) < 7 else [FAULTS[(at + step) % len(FAULTS)] for step in (0, 2, 4)]:
            found, came = run(s3_server, tmp_path / f"{fault}-{at}", files, verb, at=at, fault=fault)
            assert len(came) >= at
            if found != wanted:
                differing[fault, at] = came, found
    assert differing == {}


def test_a_lost_acknowledgement_is_met_again_as_an_object_that_is_there(tmp_path, files, s3_server, s3_keys):  # noqa: F811
    _, asked = run(s3_server, tmp_path / "lost", files, put, at=1, fault="lost")
    assert asked[0] == asked[1]
    assert asked[0].startswith("PUT ")


def test_a_killed_writer_leaves_nothing_half_in_the_bucket(tmp_path, files, s3_server, s3_keys):  # noqa: F811
    settings = s3_settings(s3_server)
    script = (
        "import sys; from pathlib import Path; from dmsops.core.config import Settings; from dmsops.storage.s3 import S3Store\n"
        f"store = S3Store(Settings(site=Path(sys.argv[1]), **{settings!r}))\n"
        "files = [(Path(name), None) for name in sys.argv[2:]]\n"
        "print('go', flush=True)\nwhile True: store.put_many(files); print('done', flush=True)"
    )
    pause = random.Random(6)
    site = tmp_path / "site"
    for _ in range(12):
        store = S3Store(Settings(site=site, **settings))
        child = subprocess.Popen([sys.executable, "-c", script, str(site), *map(str, files)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(pause.uniform(0, 0.12))
        child.kill()
        said, _ = child.communicate()
        there = list(store.objects())
        for sha256 in there:
            store.verify(sha256)
        assert "done" not in said or sorted(there) == sorted(SUMS)
        for sha256 in there:
            store.remove(sha256)
    store.sweep()
    assert store.unfinished() == 0
    assert store.put_many([(file, None) for file in files]) == SUMS
    assert left(store) == (sorted(SUMS), set(), [], 0)


def test_a_killed_one_that_sets_aside_loses_no_evidence_and_the_next_one_ends_it(tmp_path, files, s3_server, s3_keys):  # noqa: F811
    settings = s3_settings(s3_server)
    script = (
        "import sys; from pathlib import Path; from dmsops.core.config import Settings; from dmsops.storage.s3 import S3Store\n"
        f"store = S3Store(Settings(site=Path(sys.argv[1]), **{settings!r}))\n"
        "store.has(sys.argv[2])\nprint('go', flush=True)\nstore.set_aside(sys.argv[2]); print('done', flush=True)"
    )
    store, chance = S3Store(Settings(site=tmp_path / "site", **settings)), random.Random(6)
    store.put(files[0])
    for number in range(6):
        bad = b"bad %d" % number
        obstore.put(store._bucket._for(0), KEY, bad)
        child = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "site"), SUMS[0]], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(chance.uniform(0, 0.06))
        child.kill()
        said, _ = child.communicate()
        store.set_aside(SUMS[0])
        objects, kept, marks, unfinished = left(store)
        assert (objects, marks, unfinished, "done" in said and store.has(SUMS[0])) == ([], [], 0, False)
        assert bad in kept
        store.put(files[0])
    store.verify(SUMS[0])
