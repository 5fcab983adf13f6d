"""What a curator does with CADC's own client: list a collection in batches, and read an observation. Only the registry is not asked."""

from __future__ import annotations

import json
import logging
import sys

from cadcutils import net
from cadcutils.net import ws
from caom2repo import core

address, collection = sys.argv[1:]
ws.WsCapabilities._get_capability_url = lambda _: f"{address}/caom/capabilities"
client = core.CAOM2RepoClient(net.Subject(), logLevel=logging.WARNING, resource_id="ivo://dmsops.example/caom")
core.BATCH_SIZE = 2
listed = client._get_observations(collection)
following = client._get_observations(collection, client._start)
read = client.get_observation(collection, listed[0])
sys.stdout.write(json.dumps({"listed": listed, "following": following, "read": read.observation_id, "sum": read.acc_meta_checksum.uri}))
