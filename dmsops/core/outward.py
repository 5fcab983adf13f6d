"""Settings of what faces outside: the wavefront team, the public services, notices to subscribers."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings


class OutwardSettings(BaseSettings):
    """How the site deals with those who take its data; part of `dmsops.core.config.Settings`."""

    wss_address: Path | None = Field(None, description="Folder where the wavefront team picks up deliveries; empty means outbox/wss.")
    wss_answers: Literal["simulated", "team"] = Field(
        "simulated",
        description="Who answers hand-overs: 'simulated' lets the simulated wavefront team look at each and answer at once (rehearsals;"
        " a live site is told so);"
        " 'team' waits for the answer that the wavefront team lays into acknowledgements/ of its address.",
    )
    wss_answer_minutes: float = Field(
        10.0, gt=0, description="How long a hand-over waits for the wavefront team's answer, before its step fails and is tried again."
    )
    serve_per_second: float = Field(
        50.0, ge=0, description="Requests a second that one asker of the site's public services may make in the long run; 0 is no limit."
    )
    serve_burst: int = Field(300, ge=1, description="Requests that one asker of the site's public services may make at once.")
    notify_in_site: bool = Field(True, description="Whether `dmsops serve site` tells subscribers too; else `dmsops notify run` does.")
    notify_seconds: float = Field(5.0, gt=0, description="How often what happened is looked for, to tell subscribers.")
    notify_lease_seconds: float = Field(120.0, ge=1, description="A dispatcher's unfinished notices go to another one after this long.")
    notify_days: float = Field(3.0, gt=0, description="A subscription that failed for so many days is stopped, and staff are told (ours).")
    mail_relay: str = Field("", description="Mail server for messages to subscribers, host or host:port; empty: none is sent.")
    mail_from: str = Field("", description="Address that messages to subscribers come from.")
    mail_tls: bool = Field(False, description="Whether the mail server is spoken to with STARTTLS, and its certificate checked.")
    webhook_private: tuple[str, ...] = Field((), description="Hosts and networks that webhooks may reach although they are not public.")
    serve_stage_gigabytes: float = Field(2_000.0, gt=0, description="Most that one staged request for files may hold, GB.")
    serve_stage_hours: float = Field(48.0, gt=0, le=168, description="How long the files of a staged request are kept ready.")
