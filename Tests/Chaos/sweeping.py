# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Removes what an episode leaves, through the service. Then the pool contains only objects that no client can reach.

Some episodes are left as they are. Of those, only half-made images are cleaned up, as the service does for the next request.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any

from asking import Asker
from episode import Episode, Wish
from history import Record

# In seconds. The service cleans up an interrupted create after twice the OSD timeout and an interrupted removal after 30 seconds,
# while the faults continue.
PATIENCE = 60.0
AT_ONCE = 3
# Problems that waiting does not solve.
FOR_GOOD = {"image-has-snapshots"}


class Sweeper:
    def __init__(self, asker: Asker) -> None:
        self.asker = asker
        self.tasks: set[asyncio.Task[None]] = set()
        self.failed: list[str] = []
        self.room = asyncio.Semaphore(AT_ONCE)
        self.turns = 0
        # The deadline for all sweeping.
        self.end = math.inf

    def begin(self, episode: Episode, is_left: bool) -> None:
        task = asyncio.create_task(self.sweep(episode, is_left))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def finish(self) -> None:
        self.end = time.perf_counter() + PATIENCE
        while self.tasks:
            await asyncio.gather(*self.tasks)

    async def sweep(self, episode: Episode, is_left: bool) -> None:
        async with self.room:
            # Always use the same replica, because each replica measures the age of a half-made image by its own clock.
            self.turns += 1
            own = Asker(self.asker.number, [connection.address for connection in self.asker.connections], self.asker.pool,
                        self.asker.out, episode.prefix)
            replica = self.turns % len(own.connections)
            try:
                for name in episode.names:
                    await (self.touch if is_left else self.remove)(own, episode, replica, name)
                if not is_left:
                    await self.empty_trash(own, episode, replica)
            finally:
                own.close()

    async def ask(self, asker: Asker, episode: Episode, replica: int, wish: Wish) -> Record:
        return await asker.ask(episode.prefix, wish, lambda _: None, 20, replica)

    async def until(
        self, asker: Asker, episode: Episode, replica: int, wishes: list[Wish], wanted: set[Any], seconds: float = PATIENCE
    ) -> Record | None:
        """Repeats the requests until the answer to the last one is in `wanted`."""
        deadline = time.perf_counter() + seconds
        while True:
            for wish in wishes:
                record = await self.ask(asker, episode, replica, wish)
            if record.status in wanted or record.code in wanted:
                return record
            if time.perf_counter() > min(deadline, self.end) or record.code in FOR_GOOD:
                self.failed.append(str(record))
                return None
            await asyncio.sleep(0.1 if record.is_done else 1)

    async def touch(self, asker: Asker, episode: Episode, replica: int, name: str) -> None:
        """Makes the service clean up a half-made image. A whole image stays."""
        found = await self.until(asker, episode, replica, [Wish("get", name, {})], {200, 404})
        if found and found.status == 404:
            await self.until(asker, episode, replica, [Wish("delete", name, {})], {404})
        elif found and not found.answer.get("state"):
            wish = Wish("put", name, {"size": found.answer["size"], "plain": found.answer["plain"]})
            await self.until(asker, episode, replica, [wish], {200, 201, "image-differs"})

    async def remove(self, asker: Asker, episode: Episode, replica: int, name: str) -> None:
        listed = await self.until(asker, episode, replica, [Wish("snapshots", name, {})], {200, 404})
        for snapshot in (listed.answer or ()) if listed and listed.status == 200 else ():
            await self.until(asker, episode, replica, [Wish("unsnapshot", name, {"snapshot": snapshot})], {204, 404})
        await self.until(asker, episode, replica, [Wish("purge", name, {})], {404})

    async def empty_trash(self, asker: Asker, episode: Episode, replica: int) -> None:
        listed = await self.until(asker, episode, replica, [Wish("trash", "", {})], {200})
        for row in listed.answer if listed else ():
            await self.until(asker, episode, replica, [Wish("purge-entry", row["name"], {"id": row["id"]})], {204, 404})
