"""Single changes of a description (caom2) that make it wrong: the pieces of `dmsops.testing.mutations`."""
# ruff: noqa: D103 - a change's name is its sentence

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

Change = Callable[[Any], object]


def plane(observation: Any, level: int = 2) -> Any:
    """Give a plane by its level."""
    return observation.planes.get(f"level{level}") or next(iter(observation.planes.values()))


def artifact(observation: Any, level: int = 2) -> Any:
    """Give the first artifact of a plane."""
    found = plane(observation, level).artifacts
    return found[min(found)]


def put(target: Callable[[Any], Any], name: str, value: Any) -> Change:
    """Set a field, past the library's own type checks where it has any."""

    def change(observation: Any) -> None:
        made = value() if callable(value) else value
        thing = target(observation)
        try:
            setattr(thing, name, made)
        except (TypeError, ValueError, AssertionError, AttributeError):
            setattr(thing, f"_{name}", made)

    return change


def itself(observation: Any) -> Any:
    return observation


def level1(observation: Any) -> Any:
    return plane(observation, 1)


def bounds(observation: Any) -> Any:
    return plane(observation).position.bounds


def points(edit: Callable[[list[Any]], None]) -> Change:
    return lambda observation: edit(bounds(observation).points)


def moved(degrees: float) -> Change:
    def change(observation: Any) -> None:
        for point in bounds(observation).points:
            point.cval2 += degrees

    return change


def crossed(points: list[Any]) -> None:
    points[1], points[2] = points[2], points[1]


def first(name: str, value: float) -> Change:
    return points(lambda points: setattr(points[0], name, value))


def again_in_level1(observation: Any) -> None:
    plane(observation, 1).artifacts[artifact(observation).uri] = artifact(observation)


def renamed(uri: Callable[[str], str]) -> Change:
    def change(observation: Any) -> None:
        found = plane(observation)
        old = artifact(observation)
        made = old.__class__(uri(old.uri), old.product_type, old.release_type, old.content_type, old.content_length, old.content_checksum)
        del found.artifacts[old.uri]
        found.artifacts.add(made)

    return change


def checksum(text: str) -> Change:
    def change(observation: Any) -> None:
        from caom2 import ChecksumURI

        artifact(observation).content_checksum = ChecksumURI(text)

    return change


def product_type(name: str) -> Change:
    def change(observation: Any) -> None:
        from caom2 import ProductType

        artifact(observation).product_type = ProductType[name]

    return change


def product_kind(name: str) -> Change:
    def change(observation: Any) -> None:
        from caom2 import DataProductType

        plane(observation).data_product_type = DataProductType[name]

    return change


def meta_released(observation: Any) -> None:
    from caom2 import ReleaseType

    artifact(observation).release_type = ReleaseType.META


def release(name: str, days: float, *, level: int = 2) -> Change:
    def change(observation: Any) -> None:
        mine = plane(observation, level)
        setattr(mine, name, getattr(mine, name) + timedelta(days=days))

    return change


def before_the_end(observation: Any) -> None:
    for mine in observation.planes.values():
        mine.data_release = mine.meta_release = datetime(2022, 1, 1)  # noqa: DTZ001 - the library's times
    observation.meta_release = datetime(2022, 1, 1)  # noqa: DTZ001 - as above


def energy(lower: float, upper: float) -> Change:
    return interval("energy", lower, upper)


def time(lower: float, upper: float) -> Change:
    return interval("time", lower, upper)


def interval(name: str, lower: float, upper: float) -> Change:
    def change(observation: Any) -> None:
        bounds = getattr(plane(observation), name).bounds
        bounds._lower, bounds._upper = lower, upper  # noqa: SLF001 - the library refuses a reversed one
        for sample in bounds.samples:
            sample._lower, sample._upper = lower, upper  # noqa: SLF001 - as above

    return change


def proposal(identity: str | None) -> Change:
    def change(observation: Any) -> None:
        import caom2

        kept = observation.proposal
        observation.proposal = None if identity is None else caom2.Proposal(identity, pi_name=kept.pi_name, title=kept.title)

    return change


def keyword(observation: Any) -> None:
    observation.instrument.keywords.add("F212N|WLM8")


def stale(observation: Any) -> None:
    from caom2 import ChecksumURI

    observation.acc_meta_checksum = ChecksumURI("md5:" + "0" * 32)


def no_members(observation: Any) -> None:
    observation.members.clear()


def other_member(observation: Any) -> None:
    from caom2 import ObservationURI

    observation.members.add(ObservationURI(f"caom:{observation.collection}/jw02726402001_03104_00099_nrca3"))


def input_of_an_exposure(observation: Any) -> None:
    from caom2 import PlaneURI

    plane(observation).provenance.inputs.add(PlaneURI(f"caom:{observation.collection}/jw02726402001_03104_00099_nrca3/level2"))


def algorithm(name: str) -> Change:
    def change(observation: Any) -> None:
        from caom2 import Algorithm

        observation._algorithm = Algorithm(name)  # noqa: SLF001 - the library refuses it

    return change


def level(value: int | None) -> Change:
    def change(observation: Any) -> None:
        from caom2 import CalibrationLevel

        plane(observation).calibration_level = None if value is None else CalibrationLevel(value)

    return change


def provenance(name: str, value: Any) -> Change:
    return put(lambda o: plane(o).provenance, name, value)


def picture(*, thumbnail: bool = False) -> Change:
    def change(observation: Any) -> None:
        import caom2

        root = artifact(observation).uri.rpartition(".")[0]
        kind = caom2.ProductType.THUMBNAIL if thumbnail else caom2.ProductType.PREVIEW
        sums = caom2.ChecksumURI("sha256:" + "1" * 64)
        made = caom2.Artifact(f"{root}.jpg", kind, caom2.ReleaseType.DATA, "image/jpeg", 10, sums)
        plane(observation).artifacts.add(made)

    return change


def picture_as_science(observation: Any) -> None:
    from caom2 import ProductType

    picture()(observation)
    found = plane(observation).artifacts
    found[next(uri for uri in found if uri.endswith(".jpg"))].product_type = ProductType.THIS


def nobody(observation: Any) -> None:
    observation.proposal.title = observation.proposal.pi_name = None


def other_group(observation: Any) -> None:
    plane(observation).data_read_groups.clear()
    plane(observation).data_read_groups.add("ivo://x/gms?y")


def image(observation: Any) -> Any:
    """Give the chunk of the first artifact's image."""
    return next(iter(artifact(observation).parts.values())).chunks[0]


def in_part(name: str) -> Change:
    """Name the part of the first artifact's image otherwise."""

    def change(observation: Any) -> None:
        from caom2 import Part

        parts = artifact(observation).parts
        kept = parts.pop(next(iter(parts)))
        parts.add(Part(name, chunks=kept.chunks))

    return change


def turned(observation: Any) -> None:
    """Let rows and columns of the first image change places."""
    mine = image(observation)
    mine.position_axis_1, mine.position_axis_2 = mine.position_axis_2, mine.position_axis_1


def chunk(**axes: Any) -> Change:
    """Give the first artifact's image other world coordinates, sound but for what is named."""

    def change(observation: Any) -> None:
        from dmsops.testing.axes import chunk_with

        next(iter(artifact(observation).parts.values())).chunks[0] = chunk_with(**axes)

    return change
