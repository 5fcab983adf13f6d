"""Rows of the HDF5 form of engineering files, read in blocks; nothing is read before it is known to be small and plain.

Refused: links that lead elsewhere (soft, external), storage in other files, filters that are not HDF5's own, types and shapes other
than the form has, more rows than a file may have, chunks too large to unpack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dmsops.core.errors import BadDelivery

if TYPE_CHECKING:
    import h5py

FIELDS = {"id": "iu", "observatoryTime": "iu", "apid": "iu", "engineeringNumericValue": "f"}
OURS = {"rawValue": "i", "observatoryMicrosecond": "iu"}
ATTRIBUTES = ("numPoints", "dataStartTime", "dataStopTime")
BLOCK = 1 << 18
"""Rows that are read together."""
MOST_ROWS = 20_000_000
"""Rows of a file (ours); a public reader of the observatory's files takes 10,280,811."""
MOST_GROUPS = 10_000
LARGEST_CHUNK = 64 * 1024 * 1024
LARGEST_TEXT = 64
FILTERS = {1, 2, 3}
"""Deflate, shuffle, Fletcher's sum: those that are in every HDF5 library."""
LAST = 253_402_300_800_000
"""Milliseconds since 1970 to the year 10000."""
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rows:
    """A block of rows of one data group; each column is read and checked when it is asked for."""

    path: Path
    group: str
    columns: Mapping[str, Any]
    first: int
    last: int
    origin: str
    span: tuple[int, int]

    @property
    def has_raw(self) -> bool:
        """Whether the counts are there."""
        return "rawValue" in self.columns

    @property
    def is_fine(self) -> bool:
        """Whether times have microseconds; else they are whole milliseconds."""
        return "observatoryMicrosecond" in self.columns

    def ids(self) -> Ints:
        """Give the mnemonics' numbers."""
        return self._whole("id", 0, np.iinfo(np.int64).max)

    def apids(self) -> Ints:
        """Give the application ids."""
        return self._whole("apid", 0, np.iinfo(np.int64).max)

    def raws(self) -> Ints:
        """Give the counts."""
        return self._whole("rawValue", np.iinfo(np.int64).min, np.iinfo(np.int64).max)

    def values(self) -> NDArray[np.float64]:
        """Give the engineering values."""
        return self._read("engineeringNumericValue").astype(np.float64)

    def times(self) -> Ints:
        """Give the times, microseconds since 1970 UTC; those of samples lie in the span that the file says."""
        milliseconds = self._whole("observatoryTime", 0, LAST)
        inside = (milliseconds >= self.span[0]) & (milliseconds <= self.span[1])
        if not (inside | (self.ids() == 0)).all():
            raise bad(self.path, f"{self.group}/observatoryTime", "a time is not between dataStartTime and dataStopTime")
        micro = self._whole("observatoryMicrosecond", 0, 999) if self.is_fine else 0
        return milliseconds * 1000 + micro

    def _whole(self, name: str, low: int, high: int) -> Ints:
        found = self._read(name)
        if len(found) and not (low <= int(found.min()) and int(found.max()) <= high):
            raise bad(self.path, f"{self.group}/{name}", f"a number is not between {low} and {high}")
        return found.astype(np.int64)

    def _read(self, name: str) -> NDArray[Any]:
        with in_words(self.path):
            return np.asarray(self.columns[name][self.first : self.last])


def bad(path: Path, field: str, why: str) -> BadDelivery:
    """Make the error for a field of a file."""
    return BadDelivery(f"{path.name}: field {field}: {why}", file=path.name, field=field)


@contextmanager
def in_words(path: Path) -> Iterator[None]:
    """Turn what the HDF5 library says in the block into a sentence."""
    try:
        yield
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, AttributeError, MemoryError) as error:
        said = " ".join(str(error).split())[:200]
        raise BadDelivery(f"{path.name}: is no HDF5 file that can be read: {said}", file=path.name) from None


def data_rows(path: Path) -> Iterator[Rows]:
    """Give the rows of an HDF5 file in blocks, in the order of its data groups; at least one block.

    Raises
    ------
    BadDelivery
        It is not of the form; the message names the field.
    """
    import h5py

    with in_words(path):
        file = h5py.File(path, "r")
    with file:
        with in_words(path):
            groups = _groups(path, file)
            sizes = {name: len(next(iter(columns.values()))) for name, columns in groups.items()}
            points, start, stop = (_number(path, file, name) for name in ATTRIBUTES)
            origin = _origin(path, file)
        if points != sum(sizes.values()):
            raise bad(path, "numPoints", f"says {points} rows, and the data groups have {sum(sizes.values())}")
        if not 0 <= start <= stop < LAST:
            raise bad(path, "dataStartTime", "is not before dataStopTime, or neither is a time in milliseconds since 1970")
        for name, columns in groups.items():
            for first in range(0, max(sizes[name], 1), BLOCK):
                yield Rows(path, f"samples/{name}", columns, first, min(first + BLOCK, sizes[name]), origin, (start, stop))


def _groups(path: Path, file: h5py.File) -> dict[str, dict[str, Any]]:
    """Find the data groups and their columns, without reading a row."""
    samples = _linked(path, file, "samples", "samples")
    count = len(samples) if hasattr(samples, "keys") else 0
    if not 0 < count <= MOST_GROUPS:
        raise bad(path, "samples", f"is no group of 1 to {MOST_GROUPS} data groups")
    found, rows = {}, 0
    for name in (f"data{n}" for n in range(1, count + 1)):
        found[name] = _columns(path, samples, name)
        rows += len(next(iter(found[name].values())))
        if rows > MOST_ROWS:
            raise bad(path, f"samples/{name}", f"with it the file says to have {rows} rows; {MOST_ROWS} are taken at most")
    return found


def _linked(path: Path, parent: Any, name: str, where: str) -> Any:
    """Give a member that is really in its group; links that lead elsewhere are not followed."""
    import h5py

    link = parent.get(name, getlink=True)
    if link is None:
        raise bad(path, where, "is missing")
    if not isinstance(link, h5py.HardLink):
        raise bad(path, where, "is a link that leads elsewhere")
    return parent[name]


def _columns(path: Path, samples: Any, name: str) -> dict[str, Any]:
    """Give the columns of a data group: datasets, or the fields of one compound dataset."""
    import h5py

    member, where = _linked(path, samples, name, f"samples/{name}"), f"samples/{name}"
    if isinstance(member, h5py.Dataset):
        _plain(path, member, where)
        names = member.dtype.names or ()
        columns: dict[str, Any] = {field: Column(member, field) for field in names if field in FIELDS or field in OURS}
        types = {field: member.dtype[field] for field in columns}
    else:
        names = tuple(field for field in (*FIELDS, *OURS) if field in member)
        columns = {field: _linked(path, member, field, f"{where}/{field}") for field in names}
        for field, dataset in columns.items():
            _plain(path, dataset, f"{where}/{field}")
        types = {field: dataset.dtype for field, dataset in columns.items()}
    _check_columns(path, where, columns, types)
    return columns


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a dataset with compound rows, read as a dataset is."""

    dataset: Any
    name: str

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, rows: slice) -> Any:
        return self.dataset.fields(self.name)[rows]


def _check_columns(path: Path, where: str, columns: Mapping[str, Any], types: Mapping[str, Any]) -> None:
    for name in FIELDS:
        if name not in columns:
            raise bad(path, f"{where}/{name}", "is missing")
    for name, kind in types.items():
        if kind.kind not in {**FIELDS, **OURS}[name] or kind.shape:
            raise bad(path, f"{where}/{name}", f"has the type {str(kind)[:40]}, not that of the form")
    sizes = {name: len(column) for name, column in columns.items()}
    for name, size in sizes.items():
        if size != sizes["id"]:
            raise bad(path, f"{where}/{name}", f"has {size} rows, and id has {sizes['id']}")


def _plain(path: Path, dataset: Any, where: str) -> None:
    """Check that a dataset is one row of numbers in this file, packed by HDF5's own filters in chunks that fit into memory."""
    import h5py

    if not isinstance(dataset, h5py.Dataset) or dataset.ndim != 1:
        raise bad(path, where, "is no dataset of one dimension")
    if dataset.is_virtual or dataset.external:
        raise bad(path, where, "has its rows in another file")
    settings = dataset.id.get_create_plist()
    if any(settings.get_filter(i)[0] not in FILTERS for i in range(settings.get_nfilters())):
        raise bad(path, where, "is packed by a filter that is not known here")
    if dataset.chunks and dataset.chunks[0] * dataset.dtype.itemsize > LARGEST_CHUNK:
        raise bad(path, where, f"has chunks of more than {LARGEST_CHUNK} bytes")


def _number(path: Path, file: h5py.File, name: str) -> int:
    if name not in file.attrs:
        raise bad(path, name, "is missing (an attribute of the root)")
    kind = file.attrs.get_id(name)
    if kind.dtype.kind not in "iu" or kind.shape not in {(), (1,)}:
        raise bad(path, name, "is no whole number")
    return int(np.asarray(file.attrs[name]).reshape(-1)[0])


def _origin(path: Path, file: h5py.File) -> str:
    if "dataOrigin" not in file.attrs:
        raise bad(path, "dataOrigin", "is missing (an attribute of the root)")
    kind = file.attrs.get_id("dataOrigin")
    if kind.dtype.kind != "S" or kind.shape not in {(), (1,)}:  # text of variable length: libhdf5 2.0 hangs when its heap is damaged
        raise bad(path, "dataOrigin", "is no text of fixed length")
    text = bytes(np.asarray(file.attrs["dataOrigin"]).reshape(-1)[0]).decode(errors="replace")
    if len(text) > LARGEST_TEXT or not text.isprintable():
        raise bad(path, "dataOrigin", f"is no word of at most {LARGEST_TEXT} letters")
    return text.strip()
