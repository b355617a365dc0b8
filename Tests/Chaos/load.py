# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Clients that create, read, list and delete images, and always know what must be true.

Every client has image names of its own, so no other client changes its images. An acknowledged change must be true from then on.
A change that was not answered may be true or not.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from statistics import quantiles

from wire import Address, Answer, Connection, image, images

MEBIBYTE = 1 << 20
MOST_IMAGES = 25


@dataclass(slots=True)
class Sample:
    """The part of an answer that the statistics need."""

    pool: str
    began: float
    ended: float
    status: int
    code: str
    fine: bool

    @property
    def seconds(self) -> float:
        return self.ended - self.began


@dataclass
class Ledger:
    """What a client knows about its images. A name in none of the first three was never acknowledged and does not exist."""

    present: dict[str, int] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    # The size that the image has if it exists.
    unknown: dict[str, int] = field(default_factory=dict)
    # The names whose state was ever unknown.
    shaken: set[str] = field(default_factory=set)

    def settle(self, name: str, size: int | None) -> None:
        """Records an acknowledgement. A size of None means that the image is gone."""
        self.unknown.pop(name, None)
        self.present.pop(name, None)
        self.deleted.discard(name)
        if size is None:
            self.deleted.add(name)
        else:
            self.present[name] = size

    def doubt(self, name: str, size: int) -> None:
        self.present.pop(name, None)
        self.deleted.discard(name)
        self.unknown[name] = size
        self.shaken.add(name)


@dataclass
class Result:
    """The results of a load. `ledgers` has the expected images of each pool."""

    samples: list[Sample] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    ledgers: dict[str, Ledger] = field(default_factory=dict)
    # Whether a claim may outlast its change.
    claims_stay: bool = False

    def of(self, pool: str, begin: float = 0, end: float = float("inf")) -> list[Sample]:
        """The answers for a pool in a period of time."""
        return [sample for sample in self.samples if sample.pool == pool and begin <= sample.ended < end]

    @property
    def worst(self) -> float:
        return max((sample.seconds for sample in self.samples), default=0)


def p99(samples: list[Sample]) -> float | None:
    return p99_of([sample.seconds for sample in samples])


def p99_of(times: list[float]) -> float | None:
    """None if there are too few samples."""
    if len(times) < 20:
        return None
    return quantiles(times, n=100)[98]


def worst(samples: list[Sample]) -> float | None:
    return max((sample.seconds for sample in samples), default=None)


def recovery(samples: list[Sample], since: float) -> float | None:
    """The time from `since` to the last failure. None if no success came after it."""
    failures = [sample.ended for sample in samples if not sample.fine and sample.ended >= since]
    last = max(failures, default=since)
    if not any(sample.fine and sample.ended > last for sample in samples):
        return None
    return last - since


def blunder(answer: Answer, limit: float, may_break: bool = False) -> str:
    """What is wrong with an answer, whatever the request was. Empty if nothing is. A connection may break if the daemon ends."""
    if answer.seconds > limit:
        return f"later than {limit:g} s"
    if answer.status == 0:
        return "" if may_break else "no answer"
    if "x-request-id" not in answer.headers:
        return "no X-Request-Id"
    if answer.status < 400:
        return ""
    if answer.headers.get("content-type") != "application/problem+json" or not answer.code:
        return f"{answer.headers.get('content-type')} instead of problem+json"
    if answer.document.get("status") != answer.status:
        return "the problem has another status"
    if answer.status in (500, 502):
        return "an internal error"
    if answer.status == 503 and "retry-after" not in answer.headers:
        return "no Retry-After"
    return ""


# The answers that are correct while the cluster is in trouble.
TROUBLE = {
    (503, "pool-unavailable"), (503, "cluster-unavailable"), (503, "overloaded"), (504, "deadline-exceeded"),
    (507, "pool-full"),
}
# The answers that are correct until an interrupted change is cleaned up. An interrupted removal leaves a watch on the image, which
# the OSD drops after 30 seconds. Until then, another DELETE is answered image-in-use.
CLEARING = {(409, "image-incomplete"), (409, "image-in-use"), (409, "change-in-progress")}


class Client:
    """A client that sends one random request at a time, with a pause after each answer."""

    def __init__(self, address: Address, pool: str, name: str, limit: float, pause: float, result: Result) -> None:
        self.connection = Connection(address)
        self.pool = pool
        self.name = name
        self.limit = limit
        self.pause = pause
        self.result = result
        self.ledger = result.ledgers.setdefault(pool, Ledger())
        # The names in the pool's ledger that belong to this client.
        self.mine: list[str] = []
        self.random = random.Random(name)
        self.serial = 0
        # The name of a change that was answered, but whose claim was not released.
        self.claimed = ""

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self.step()
            await asyncio.sleep(self.pause * self.random.uniform(0.5, 1.5))
        self.connection.close()

    async def step(self) -> None:
        choice = self.random.random()
        known = [name for name in self.mine if name in self.ledger.present]
        if not self.mine or (choice < 0.25 and len(self.mine) < MOST_IMAGES):
            self.serial += 1
            await self.put(f"{self.name}-{self.serial}", self.random.randrange(MEBIBYTE, 1 << 30))
        elif choice < 0.35 and self.mine:
            await self.put_again(self.random.choice(self.mine))
        elif choice < 0.65 and self.mine:
            await self.read(self.random.choice(self.mine))
        elif choice < 0.80 or not known:
            await self.list()
        else:
            await self.delete(self.random.choice(self.mine))

    # Requests

    async def ask(self, method: str, target: str, document: object = None) -> Answer:
        return await self.connection.request(method, target, document, timeout=self.limit + 10)

    async def put(self, name: str, size: int) -> None:
        self.mine.append(name)
        answer = await self.ask("PUT", image(self.pool, name), {"size": size})
        new = name not in self.ledger.present and name not in self.ledger.unknown
        doubtful = name in self.ledger.unknown
        if answer.status in (200, 201):
            expected = (answer.status == 201) if new else doubtful or answer.status == 200
            right = answer.document.get("sizeBytes") == size
            self.note(answer, expected and right, "the size is wrong" if not right else "the image existed already" if new else "")
            self.ledger.settle(name, size)
        else:
            self.failed(answer, name)
            if name not in self.ledger.present:
                self.ledger.doubt(name, size)

    async def put_again(self, name: str) -> None:
        size = self.ledger.present.get(name) or self.ledger.unknown.get(name)
        if size is None:
            return
        self.mine.remove(name)
        await self.put(name, size)

    async def read(self, name: str) -> None:
        answer = await self.ask("GET", image(self.pool, name))
        size = self.ledger.present.get(name)
        if answer.status == 200:
            wanted = size if size is not None else self.ledger.unknown.get(name)
            self.note(answer, wanted == answer.document.get("sizeBytes"), f"the image was deleted, or its size is not {wanted}")
        elif answer.status == 404 and answer.code == "image-not-found":
            self.note(answer, size is None, "the image was acknowledged")
        else:
            self.failed(answer, name)

    async def list(self) -> None:
        answer = await self.ask("GET", f"{images(self.pool)}?limit=1000&prefix={self.name}-")
        if answer.status != 200:
            self.failed(answer)
            return
        # Entries in these states are the remains of an interrupted removal or create, not images.
        entries = [entry for entry in answer.document["items"] if entry.get("state") not in ("removing", "incomplete")]
        listed = {entry["name"]: entry.get("sizeBytes") for entry in entries}
        mine = {name: self.ledger.present[name] for name in self.mine if name in self.ledger.present}
        missing = [name for name, size in mine.items() if listed.get(name) != size]
        surplus = [name for name in listed if name not in mine and name not in self.ledger.unknown]
        double = len(listed) != len(entries)
        self.note(answer, not (missing or surplus or double),
                  f"missing or listed wrongly: {missing}; listed although deleted: {surplus}; listed twice: {double}")

    async def delete(self, name: str) -> None:
        answer = await self.ask("DELETE", image(self.pool, name))
        doubtful = name in self.ledger.unknown
        if answer.status in (200, 204) or (answer.status == 404 and doubtful):
            self.note(answer, True)
            self.ledger.settle(name, None)
            self.mine.remove(name)
        elif answer.status == 404:
            self.note(answer, False, "the image was acknowledged")
            self.mine.remove(name)
        else:
            self.failed(answer, name)
            self.ledger.doubt(name, self.ledger.present.get(name) or self.ledger.unknown[name])

    # Judging

    def failed(self, answer: Answer, name: str = "") -> None:
        """Judges a failure. Some failures are correct while the cluster is in trouble, or shortly afterwards."""
        key = (answer.status, answer.code)
        allowed = key in TROUBLE or (name in self.ledger.shaken and key in CLEARING)
        if not allowed and self.result.claims_stay and key == (409, "change-in-progress"):
            # A client makes one change at a time, so only one of its names may still be claimed.
            self.claimed = self.claimed or name
            allowed = name == self.claimed
        # The cleanup of an interrupted change does not count as a failure of the pool.
        self.note(answer, allowed, "unexpected answer", fine=key in CLEARING)

    def note(self, answer: Answer, right: bool, why: str = "", fine: bool | None = None) -> None:
        reason = blunder(answer, self.limit) or ("" if right else why or "wrong")
        if reason:
            self.result.wrong.append(f"{answer}: {reason}")
        is_fine = (right and answer.status != 0 and answer.status < 500) if fine is None else fine
        self.result.samples.append(
            Sample(self.pool, answer.began, answer.ended, answer.status, answer.code, is_fine and not reason))


async def mixed_load(
    stop: asyncio.Event, address: Address, clients: dict[str, int], limit: float, pause: float, claims_stay: bool
) -> Result:
    """Runs the clients on each pool until `stop` is set. `claims_stay` is for scenarios that blocklist the Ceph client: a change may
    have been answered although its claim could not be released. Another process takes that claim over."""
    result = Result(claims_stay=claims_stay)
    tasks = [
        Client(address, pool, f"v{number}", limit, pause, result).run(stop)
        for pool, count in clients.items() for number in range(count)
    ]
    await asyncio.gather(*tasks)
    return result
