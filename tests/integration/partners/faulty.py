"""A network that loses calls, makes them twice, and gives answers late: in front of the real service."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

import httpx2

type Answer = tuple[int, list[tuple[bytes, bytes]], bytes]


@dataclass
class Faulty(httpx2.BaseTransport):
    """Carries calls to the real server; a share of them goes wrong, each in one of the ways.

    ``late`` keeps an answer back; a later call of that kind gets it in the place of its own.
    """

    seed: int
    share: float = 0.3
    told: Counter[str] = field(default_factory=Counter)
    _kept: dict[str, Answer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._real = httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.read()
        if self._chance.random() >= self.share:
            return _given(self._ask(request))
        way = self._chance.choice(("lost call", "lost answer", "twice", "late", "late", "cut short"))
        self.told[way] += 1
        return getattr(self, f"_{way.replace(' ', '_')}")(request)

    def _ask(self, request: httpx2.Request) -> Answer:
        answer = self._real.handle_request(request)
        content = answer.read()
        headers = [pair for pair in answer.headers.raw if pair[0].lower() not in (b"transfer-encoding", b"content-length")]
        return answer.status_code, headers, content

    def _lost_call(self, request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("the call was lost", request=request)

    def _lost_answer(self, request: httpx2.Request) -> httpx2.Response:
        self._ask(request)
        raise httpx2.ReadError("the answer was lost", request=request)

    def _twice(self, request: httpx2.Request) -> httpx2.Response:
        return _given(self._chance.choice([self._ask(request), self._ask(request)]))

    def _late(self, request: httpx2.Request) -> httpx2.Response:
        """Keep this answer back, and give the one that was kept back of the last such call."""
        kind = f"{request.method} {request.url.path}"
        before, self._kept[kind] = self._kept.get(kind), self._ask(request)
        if before is None:
            raise httpx2.ReadTimeout("no answer yet", request=request)
        return _given(before)

    def _cut_short(self, request: httpx2.Request) -> httpx2.Response:
        status, headers, content = self._ask(request)
        return httpx2.Response(status, headers=headers, stream=_Broken(content[: len(content) // 2]))

    def close(self) -> None:
        self._real.close()


def _given(answer: Answer) -> httpx2.Response:
    status, headers, content = answer
    return httpx2.Response(status, headers=headers, stream=httpx2.ByteStream(content))


class _Broken(httpx2.SyncByteStream):
    """The beginning of an answer, and then the connection breaks."""

    def __init__(self, beginning: bytes) -> None:
        self._beginning = beginning

    def __iter__(self):
        yield self._beginning
        raise httpx2.ReadError("the connection broke")
