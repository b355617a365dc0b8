# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Two identities on one pool: one sends as many requests as it can, the other sends a request now and then."""

from __future__ import annotations

import asyncio
import itertools
import re
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from child import Child
from daemon import Daemon
from load import p99_of
from rehearsal import Rehearsal, count
from report import Report
from wire import Address, Answer, Connection, image

# The modest identity's p99 beside the greedy one may be at most this multiple of its p99 alone.
MOST_RATIO = 2.0
# The pause between two requests of the modest identity, in seconds.
PAUSE = 0.02
# The service's deadline, in seconds.
DEADLINE = 5
# The number of images that the greedy identity copies.
SOURCES = 8


@dataclass(frozen=True)
class Token:
    """The token of an identity."""

    name: str
    text: str

    @property
    def header(self) -> str:
        return f"Authorization: Bearer {self.text}\r\n"


class Caller:
    """Sends one kind of request again and again, on a connection of its own."""

    def __init__(self, address: Address, token: Token, pool: str, prefix: str, source: str) -> None:
        self.connection = Connection(address)
        self.token = token
        self.pool = pool
        # The image that the caller reads and copies.
        self.source = source
        self.names = (f"{prefix}-{number}" for number in itertools.count())
        self.made: list[str] = []
        self.wrong: list[str] = []

    async def ask(self, method: str, target: str, document: object = None) -> Answer:
        return await self.connection.request(method, target, document, headers=self.token.header)

    def expect(self, answer: Answer, *statuses: int) -> Answer:
        if answer.status not in statuses:
            self.wrong.append(f"{self.token.name}: {answer}")
        return answer

    async def read(self) -> float:
        return self.expect(await self.ask("GET", image(self.pool, self.source)), 200).seconds

    async def create(self) -> float:
        name = next(self.names)
        self.made.append(name)
        return self.expect(await self.ask("PUT", image(self.pool, name), {"size": "1MiB"}), 201).seconds

    async def purge(self) -> float:
        if not self.made:
            await self.create()
        return await self.finish(await self.ask("DELETE", image(self.pool, self.made.pop()) + "?purge=true"), 204)

    async def copy(self) -> float:
        name = next(self.names)
        answer = await self.ask("POST", image(self.pool, self.source) + "/copy", {"name": name})
        if answer.code == "change-in-progress":
            # Another caller of the same identity is taking a snapshot of the same image for its copy.
            await asyncio.sleep(PAUSE)
            return 0
        took = await self.finish(answer, 201)
        self.made.append(name)
        await self.purge()
        return took

    async def finish(self, answer: Answer, expected: int) -> float:
        """Waits until the operation, if there is one, has ended. Returns the time since the request."""
        began = answer.began
        if answer.status == 202:
            target, state = answer.headers["location"], ""
            while state not in ("succeeded", "failed", "cancelled"):
                await asyncio.sleep(0.005)
                answer = self.expect(await self.ask("GET", target), 200)
                state = answer.document.get("state", "failed")
            if state != "succeeded":
                self.wrong.append(f"{self.token.name}: {answer}: {answer.body[:300]!r}")
        else:
            self.expect(answer, expected)
        return answer.ended - began


async def greed(
    stop: asyncio.Event, address: Address, token: Token, pool: str, kind: str, clients: int
) -> tuple[int, list[str]]:
    """Sends this kind of request on that many connections without a pause. Returns the number of requests and what was wrong."""
    callers = [
        Caller(address, token, pool, f"greedy-{kind}-{time.monotonic_ns()}-{number}", f"source-{number % SOURCES}") for number in range(clients)
    ]
    done = 0

    async def go(caller: Caller) -> None:
        nonlocal done
        while not stop.is_set():
            took = await getattr(caller, kind)()
            done += took > 0

    await asyncio.gather(*(go(caller) for caller in callers))
    for caller in callers:
        caller.connection.close()
    return done, [line for caller in callers for line in caller.wrong]


async def modest(report: Report, address: Address, token: Token, pool: str, kind: str, seconds: float, least: int) -> list[float]:
    """Sends this kind of request again and again, with pauses. Returns how long each one took."""
    caller = Caller(address, token, pool, f"modest-{kind}-{time.monotonic_ns()}", "source-modest")
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < least:
        times.append(await getattr(caller, kind)())
        await asyncio.sleep(PAUSE)
    caller.connection.close()
    report.requests += len(times)
    report.worst = max(report.worst, *times)
    report.wrong += caller.wrong
    return times


@contextmanager
def known(rehearsal: Rehearsal, name: str, scopes: dict[str, str]) -> Iterator[tuple[Daemon, dict[str, Token]]]:
    """Runs a daemon with these identities, each with its scope."""
    file = rehearsal.logs / f"{name}.tokens.yaml"
    file.unlink(missing_ok=True)
    tokens = {}
    for identity, scope in scopes.items():
        command = [rehearsal.binary, "token", "new", "--name", identity, "--scope", scope, "--add-to", file]
        made = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
        tokens[identity] = Token(identity, made.stdout.strip())
    # The deadline does not depend on the form, because the callers' own deadlines must be much shorter.
    with rehearsal.daemon(name, options=["--token-file", str(file)], deadline=DEADLINE) as daemon:
        yield daemon, tokens


def greedy(rehearsal: Rehearsal) -> Report:
    """An identity that sends as many requests as it can must not delay others. It reads, creates, purges and copies in one pool."""
    scale = rehearsal.scale
    report = Report("greedy", f"an identity on {scale.greedy_clients} connections, beside one that sends a request now and then")
    with rehearsal.pools(1) as (pool,), known(rehearsal, report.name, {"greedy": "all:*", "modest": "all:*"}) as (daemon, tokens):
        for number in [*range(SOURCES), "modest"]:
            make_source(rehearsal, report, daemon, tokens["modest"], pool, f"source-{number}", 8 if number == "modest" else 64)
        for kind in ("read", "create", "purge", "copy"):
            alone = beside = []
            for _ in range(scale.greedy_rounds):
                for is_alone in (True, False):
                    crowd = None if is_alone else Child(
                        greed, daemon.address, tokens["greedy"], pool, kind, scale.greedy_clients)
                    try:
                        time.sleep(1)
                        times = asyncio.run(modest(
                            report, daemon.address, tokens["modest"], pool, kind, scale.greedy_time, scale.greedy_least))
                        if crowd is None:
                            alone = alone + times
                        else:
                            beside = beside + times
                            done, wrong = crowd.finish()
                            report.wrong += wrong
                            report.notes.append(f"{kind}: {len(times)} by the modest identity, {done} by the greedy one")
                    finally:
                        if crowd is not None:
                            crowd.kill()
            report.ratio(f"p99 of a {kind} by the modest identity", p99_of(beside), p99_of(alone), MOST_RATIO * scale.patience)
            report.notes.append(
                f"{kind}: median {statistics.median(beside) * 1000:.1f} ms, alone {statistics.median(alone) * 1000:.1f} ms")
    return report


def make_source(rehearsal: Rehearsal, report: Report, daemon: Daemon, token: Token, pool: str, name: str, megabytes: int) -> None:
    """Makes an image with that much data."""
    answer = count(report, asyncio.run(once_as(daemon.address, token, "PUT", image(pool, name), {"size": f"{megabytes}MiB"})))
    if answer.status != 201:
        report.wrong.append(f"{answer}")
    rehearsal.cluster.tool(
        "rbd", "bench", "--io-type", "write", "--io-size", "1M", "--io-total", f"{megabytes}M", f"{pool}/{name}")


async def once_as(address: Address, token: Token, method: str, target: str, document: object = None) -> Answer:
    connection = Connection(address)
    try:
        return await connection.request(method, target, document, headers=token.header)
    finally:
        connection.close()


async def ask_for_usage(stop: asyncio.Event, address: Address, token: Token, target: str, clients: int) -> dict[str, int]:
    """Sends reads that take minutes, with a deadline of a second. Returns the number of answers by status and code."""
    outcomes: dict[str, int] = {}

    async def go() -> None:
        connection = Connection(address)
        while not stop.is_set():
            answer = await connection.request("GET", target, headers=f"{token.header}Request-Timeout: 1\r\n")
            what = f"{answer.status} {answer.code}".strip()
            outcomes[what] = outcomes.get(what, 0) + 1
        connection.close()

    await asyncio.gather(*(go() for _ in range(clients)))
    return outcomes


STUCK = re.compile(r"^rbd_rest_api_call_threads_stuck (\d+)", re.MULTILINE)


def stuck_reads(rehearsal: Rehearsal) -> Report:
    """Reads that take minutes must not occupy threads that others need, and must end with their requests."""
    scale = rehearsal.scale
    report = Report("stuck-reads", f"{scale.stuck_reads} reads of the usage of {scale.read_image} at once, with a deadline of a second")
    scopes = {"reader": "read:*", "modest": "all:*"}
    with rehearsal.pools(2) as pools, known(rehearsal, report.name, scopes) as (daemon, tokens):
        for pool in pools:
            make_source(rehearsal, report, daemon, tokens["modest"], pool, "source-modest", 8)
        long = {"size": scale.read_image, "features": ["layering"]}
        for method, target, document in [("PUT", "", long), ("POST", "/snapshots", {"name": "s"})]:
            answer = asyncio.run(once_as(daemon.address, tokens["modest"], method, image(pools[0], "long") + target, document))
            if count(report, answer).status != 201:
                report.wrong.append(f"{answer}")
        crowd = Child(ask_for_usage, daemon.address, tokens["reader"], f"{image(pools[0], 'long')}/snapshots?fields=usage", scale.stuck_reads)
        try:
            time.sleep(2)
            for pool, where in zip(pools, ("the same pool", "another pool")):
                for kind in ("read", "create"):
                    times = asyncio.run(modest(
                        report, daemon.address, tokens["modest"], pool, kind, scale.greedy_time, scale.greedy_least))
                    report.at_most(f"p99 of a {kind} by another identity in {where}", p99_of(times), 0.25 * scale.patience)
            report.holds("/readyz answers 200", *ready(daemon))
            outcomes: dict[str, int] = crowd.finish()
        finally:
            crowd.kill()
        late = sum(number for what, number in outcomes.items() if what[:3] in ("503", "504"))
        report.holds("the reads exceed their deadline", f"{late} of {sum(outcomes.values())}", late > scale.stuck_reads)
        report.notes.append("answers: " + ", ".join(f"{what}: {number}" for what, number in sorted(outcomes.items())))
        began = time.perf_counter()
        while (stuck := threads_stuck(daemon, tokens["modest"])) and time.perf_counter() < began + 20:
            time.sleep(0.1)
        report.at_most("the last of their threads is free", None if stuck else time.perf_counter() - began, 5 * scale.patience)
    return report


def ready(daemon: Daemon) -> tuple[int, bool]:
    status = daemon.status("/readyz")
    return status, status == 200


def threads_stuck(daemon: Daemon, token: Token) -> int:
    answer = asyncio.run(once_as(daemon.address, token, "GET", "/metrics"))
    found = STUCK.search(answer.body.decode())
    if not found:
        raise RuntimeError(f"the metrics lack the number of stuck threads: {answer}")
    return int(found[1])
