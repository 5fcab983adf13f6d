"""Settings of what is too much or too little: limits beyond which telemetry or an ephemeris needs a person."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import Field
from pydantic_settings import BaseSettings


class ThresholdSettings(BaseSettings):
    """When telemetry and ephemerides are doubted; part of `dmsops.core.config.Settings`."""

    engineering_gap_seconds: float = Field(
        1.0, gt=0, description="A time without engineering samples that is longer than this is a gap, named by procedure P03."
    )
    engineering_span_hours: float = Field(
        4.0, gt=0, description="An engineering file that covers more hours than this is looked at by a person (procedure P03)."
    )
    engineering_origins: tuple[str, ...] = Field(
        ("OBSERVATORY",), description="Origins of engineering files that are taken; a rehearsal takes the test bed's as well."
    )
    engineering_earliest: datetime = Field(
        datetime(2021, 12, 25, 12, 20, tzinfo=UTC), description="A sample with an earlier UTC time is impossible; default the launch."
    )
    engineering_suspect_seconds: float = Field(
        60.0, ge=0, description="Contested engineering samples that are no farther apart make one suspect interval (ours)."
    )
    engineering_partitions: int = Field(
        6, ge=1, description="An hour of engineering with more partitions than this is compacted after an ingest."
    )
    ephemeris_definitive_km: float = Field(
        50.0, gt=0, description="A definitive ephemeris that is farther than this from an earlier definitive one needs a person (km; ours)."
    )
    ephemeris_definitive_km_s: float = Field(0.0005, gt=0, description="The same for its velocity (km/s; ours).")
    ephemeris_predicted_km: float = Field(
        1000.0,
        gt=0,
        description="A prediction farther than this from an earlier ephemeris, or from its definitive one, needs a person (km; ours).",
    )
    ephemeris_predicted_km_s: float = Field(0.01, gt=0, description="The same for its velocity (km/s; ours).")
    ephemeris_step_seconds: float = Field(
        900.0, gt=0, description="An ephemeris with a larger step between two of its vectors has a hole, and needs a person (ours)."
    )
    ephemeris_stale_days: float = Field(
        30.0, gt=0, description="A product that still has a predicted ephemeris after so many days is on the list of procedure P06."
    )
    refresh_pixels: float = Field(
        0.01,
        gt=0,
        description="A refresh of the ephemeris that moves an image by more than so many pixels combines its images again (ours).",
    )
