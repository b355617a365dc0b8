# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Clients in lanes. Each lane runs one episode after another, and records every request and answer."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asking import NO_RETRY_AFTER, Asker
from episode import Episode, Wish
from history import History, Record
from sweeping import Sweeper
from wire import Address

# How long a client waits for an answer. This is longer than the request's deadline.
PATIENCE = 16.0
# The time limit for the reads at the end of an episode, in addition to twice the lease.
SETTLING = 25.0
# The number of 500 answers to one final read after which it is given up.
MOST_FAILURES = 8
CLIENTS_EACH = 5


@dataclass(frozen=True)
class Settings:
    addresses: list[Address]
    pool: str
    clients: int
    seed: int
    lease: float
    directory: Path
    # One of this many episodes keeps its images, so that the audit of the pool sees them.
    left_of: int = 10


@dataclass
class Load:
    """Statistics of the clients' requests."""

    operations: int = 0
    episodes: int = 0
    seconds: float = 0
    answers: Counter[str] = field(default_factory=Counter)
    # Answers that tell the client to try again, but have no Retry-After.
    silent: Counter[str] = field(default_factory=Counter)
    slowest: float = 0
    unswept: list[str] = field(default_factory=list)


class Lane:
    def __init__(self, settings: Settings, number: int, clients: int, out: Any) -> None:
        self.settings = settings
        self.askers = [Asker(100 * number + client, settings.addresses, settings.pool, out, f"{settings.seed}/{number}/{client}")
                       for client in range(clients)]
        self.random = random.Random(f"{settings.seed}/lane {number}")

    async def run(self, number: int) -> tuple[Episode, History]:
        """Runs one episode, including the reads at its end."""
        episode = Episode(number, self.settings.seed)
        history = History(f"e{number}", episode.names, [], self.settings.seed)

        def begin(record: Record) -> None:
            record.number = len(history.records)
            history.records.append(record)

        if episode.in_rounds:
            await self.rounds(episode, history, begin)
        else:
            await asyncio.gather(*(self.client(asker, episode, history, begin) for asker in self.askers))
        await self.settle(episode, history, begin)
        return episode, history

    async def client(self, asker: Asker, episode: Episode, history: History, begin: Any) -> None:
        while len(history.records) < episode.budget:
            await self.step(asker, episode, begin)

    async def rounds(self, episode: Episode, history: History, begin: Any) -> None:
        """All clients send requests at once, about the same names. A round does not wait longer than a second for answers."""
        busy: set[asyncio.Task[None]] = set()
        waiting = list(self.askers)

        async def step(asker: Asker) -> None:
            await asyncio.sleep(self.random.random() * 0.006)
            await self.step(asker, episode, begin)
            waiting.append(asker)
        while len(history.records) < episode.budget:
            episode.turn()
            going, waiting[:] = waiting[:], []
            busy |= {asyncio.create_task(step(asker)) for asker in going}
            _, busy = await asyncio.wait(busy, timeout=1)
        await asyncio.gather(*busy)

    async def step(self, asker: Asker, episode: Episode, begin: Any) -> None:
        # Some clients give up early. Their requests continue without them.
        timeout = PATIENCE if self.random.random() > 0.015 else self.random.uniform(0.002, 2)
        record = await asker.ask(episode.prefix, episode.choose(), begin, timeout)
        episode.hear(record)
        if record.is_unsent:
            await asyncio.sleep(0.05)
        elif record.is_unknown:
            # Pause, because many requests with an unknown outcome make a history prove less.
            await asyncio.sleep(0.2 + self.random.random())

    # The end

    async def settle(self, episode: Episode, history: History, begin: Any) -> None:
        """Reads the final state. These reads must be answered, and are part of the history."""
        purges = {record.answer["operation"] for record in history.records
                  if record.kind in ("purge", "purge-entry") and record.status == 202}
        wishes = [Wish("operation", "", {"operation": id}) for id in sorted(purges)]
        wishes += [Wish("get", name, {}) for name in episode.names]
        wishes += [Wish("list", "", {"lines": False}), Wish("trash", "", {})]
        results = await asyncio.gather(*(
            self.insist(asker, episode, wishes[number::len(self.askers)], begin) for number, asker in enumerate(self.askers)))
        there = [record.name for found in results for record in found if record.kind == "get" and record.status == 200]
        results += await asyncio.gather(*(
            self.insist(asker, episode, [Wish("snapshots", name, {}) for name in there[number::len(self.askers)]], begin)
            for number, asker in enumerate(self.askers)))
        history.unanswered = [str(record) for found in results for record in found if record.status not in (200, 404)]

    async def insist(self, asker: Asker, episode: Episode, wishes: list[Wish], begin: Any) -> list[Record]:
        """Repeats each request until it is answered. Returns the last answers."""
        last = []
        deadline = time.perf_counter() + 2 * self.settings.lease + SETTLING
        for wish in wishes:
            failures = 0
            while True:
                record = await asker.ask(episode.prefix, wish, begin, PATIENCE)
                failures += record.status == 500
                # A purge that runs as an operation of the service may not have ended yet.
                is_on_its_way = wish.kind == "operation" and record.is_done and record.answer["state"] in ("queued", "running")
                is_late = time.perf_counter() > deadline or failures >= MOST_FAILURES
                if is_late or (record.status in (200, 404) and not is_on_its_way):
                    break
                await asyncio.sleep(0.25)
            last.append(record)
        return last


async def collide(stop: asyncio.Event, settings: Settings, out: Any, count: Any) -> Load:
    """Runs episodes in all lanes until `stop` is set, and then completes the running ones."""
    load = Load()
    began = time.perf_counter()
    number = 0
    lanes = max(1, round(settings.clients / CLIENTS_EACH))
    sizes = [settings.clients // lanes + (lane < settings.clients % lanes) for lane in range(lanes)]
    sweeper = Sweeper(Asker(999, settings.addresses, settings.pool, out, f"{settings.seed}/sweeper"))

    async def drive(lane: Lane) -> None:
        nonlocal number
        while not stop.is_set():
            number += 1
            mine = number
            episode, history = await lane.run(mine)
            history.save(settings.directory / f"e{mine}.json")
            load.episodes += 1
            load.operations += len(history.records)
            for record in history.records:
                told = f"{record.status} {record.code}".strip() if record.status else "no answer"
                load.answers[f"{record.kind}: {told}"] += 1
                if record.note == NO_RETRY_AFTER:
                    load.silent[told] += 1
                load.slowest = max(load.slowest, record.ended - record.began)
            with count.get_lock():
                count.value = load.operations
            sweeper.begin(episode, is_left=mine % settings.left_of == 0)
        for asker in lane.askers:
            asker.close()

    await asyncio.gather(*(drive(Lane(settings, lane, size, out)) for lane, size in enumerate(sizes)))
    load.seconds = time.perf_counter() - began
    await sweeper.finish()
    load.unswept = sweeper.failed
    return load
