# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""A small simulated service that executes one request at a time, and its clients, in simulated time. The checker must find every
history of it good, and find the histories of a service with a defect bad. It does not use the model, so that it can test it."""

from __future__ import annotations

import heapq
import random
from typing import Any

from episode import Episode, Wish
from history import History, Record

# Defects that a service can have. The real one had them.
DEFECTS = ["two snapshots", "shrink", "lost", "alias", "purged and restored", "stale read", "both names"]


class Refusal(Exception):
    def __init__(self, status: int, code: str) -> None:
        self.status, self.code = status, code


class Service:
    """A service whose images are dictionaries. Its defect, if it has one, strikes now and then."""

    def __init__(self, chance: random.Random, defect: str = "") -> None:
        self.random = chance
        self.defect = defect
        self.live: dict[str, dict[str, Any]] = {}
        self.trash: dict[str, tuple[str, dict[str, Any]]] = {}
        self.before: dict[str, dict[str, Any]] = {}
        self.serial = 0

    def strikes(self, defect: str) -> bool:
        return self.defect == defect and self.random.random() < 0.5

    def image(self, name: str) -> dict[str, Any]:
        if name not in self.live:
            raise Refusal(404, "image-not-found")
        return self.live[name]

    def row(self, name: str, image: dict[str, Any]) -> dict[str, Any]:
        return {"id": image["id"], "name": name, "size": image["size"], "plain": image["plain"],
                "snapshots": len(image["snapshots"]), "state": "ready"}

    def do(self, wish: Wish) -> tuple[int, Any]:
        kind, name, wanted = {"list": "all"}.get(wish.kind, wish.kind.replace("-", "_")), wish.name, wish.wanted
        asked = {key: value for key, value in wanted.items() if key in ("size", "to", "snapshot", "id", "plain")}
        result: tuple[int, Any] = getattr(self, kind)(name, **asked)
        return result

    def put(self, name: str, size: int, plain: bool) -> tuple[int, Any]:
        if name not in self.live:
            return self.create(name, size, plain)
        image = self.live[name]
        if image["size"] != size or (plain and not image["plain"]):
            raise Refusal(409, "image-differs")
        return 200, self.row(name, image)

    def create(self, name: str, size: int, plain: bool) -> tuple[int, Any]:
        if name in self.live:
            raise Refusal(409, "image-exists")
        self.serial += 1
        self.live[name] = {"id": f"id{self.serial}", "size": size, "plain": plain, "snapshots": set()}
        return 201, self.row(name, self.live[name])

    clone = create

    def get(self, name: str) -> tuple[int, Any]:
        if self.strikes("stale read") and name in self.before:
            return 200, self.row(name, self.before[name])
        return 200, self.row(name, self.image(name))

    def all(self, name: str) -> tuple[int, Any]:
        return 200, [self.row(name, image) for name, image in sorted(self.live.items())]

    def delete(self, name: str) -> tuple[int, Any]:
        image = self.image(name)
        if image["snapshots"]:
            raise Refusal(409, "image-has-snapshots")
        self.before[name] = image
        if self.strikes("both names"):
            self.trash[image["id"]] = (name, image)
        elif not self.strikes("lost"):
            self.trash[self.live.pop(name)["id"]] = (name, image)
        else:
            del self.live[name]
        return 200, {"id": image["id"], "name": name}

    def purge(self, name: str) -> tuple[int, Any]:
        image = self.image(name)
        if image["snapshots"]:
            raise Refusal(409, "image-has-snapshots")
        self.before[name] = self.live.pop(name)
        return 204, None

    def rename(self, name: str, to: str) -> tuple[int, Any]:
        image = self.image(name)
        if to in self.live:
            raise Refusal(409, "image-exists")
        self.live[to] = image
        del self.live[name]
        return 200, self.row(to, image)

    def grow(self, name: str, size: int) -> tuple[int, Any]:
        image = self.image(name)
        if size < image["size"] and not self.strikes("shrink"):
            raise Refusal(400, "confirmation-required")
        image["size"] = size
        return 200, self.row(name, image)

    def snapshot(self, name: str, snapshot: str) -> tuple[int, Any]:
        image = self.image(name)
        if snapshot in image["snapshots"] and not self.strikes("two snapshots"):
            raise Refusal(409, "snapshot-exists")
        image["snapshots"].add(snapshot)
        return 201, None

    def unsnapshot(self, name: str, snapshot: str) -> tuple[int, Any]:
        image = self.image(name)
        if snapshot not in image["snapshots"]:
            raise Refusal(404, "snapshot-not-found")
        image["snapshots"].remove(snapshot)
        return 204, None

    def snapshots(self, name: str) -> tuple[int, Any]:
        return 200, sorted(self.image(name)["snapshots"])

    def restore(self, name: str, id: str, to: str | None) -> tuple[int, Any]:
        if id not in self.trash:
            raise Refusal(404, "trash-entry-not-found")
        target = to or self.trash[id][0]
        if target in self.live:
            raise Refusal(409, "image-exists")
        self.live[target] = self.trash[id][1]
        if not self.strikes("alias"):
            del self.trash[id]
        return 200, self.row(target, self.live[target])

    def purge_entry(self, name: str, id: str) -> tuple[int, Any]:
        if id not in self.trash:
            raise Refusal(404, "trash-entry-not-found")
        if not self.strikes("purged and restored"):
            del self.trash[id]
        return 204, None

    def trash_list(self) -> list[dict[str, Any]]:
        return [{"id": id, "name": name, "state": "trashed"} for id, (name, _) in sorted(self.trash.items())]


def simulate(seed: int, defect: str = "", unknown: float = 0.06, clients: int = 5) -> History:
    """Simulates an episode. Each request is executed at a moment between its beginning and its end. Some requests get no answer, and
    are executed at any later moment or never."""
    chance = random.Random(f"simulation {seed}")
    episode = Episode(seed, seed)
    service = Service(chance, defect)
    records: list[Record] = []
    queue: list[tuple[float, int, str, Any]] = [(chance.random() / 10, number, "ask", number) for number in range(clients)]
    serial = clients
    heapq.heapify(queue)

    def push(moment: float, what: str, about: Any) -> None:
        nonlocal serial
        serial += 1
        heapq.heappush(queue, (moment, serial, what, about))

    def finish(record: Record, wish: Wish) -> None:
        try:
            status, answer = (200, service.trash_list()) if wish.kind == "trash" else service.do(wish)
            code = ""
        except Refusal as refusal:
            status, code, answer = refusal.status, refusal.code, None
        if record.status == -1:
            record.status, record.code, record.answer = status, code, answer
            episode.hear(record)

    while queue:
        now, _, what, about = heapq.heappop(queue)
        if what == "happen":
            finish(*about)
            continue
        if len(records) >= episode.budget:
            continue
        wish = episode.choose()
        record = Record(len(records), about, 0, wish.kind, wish.name, wish.wanted, now, 0, status=-1)
        records.append(record)
        lasts = chance.expovariate(10)
        record.ended = now + lasts
        if chance.random() < unknown:
            record.status, record.note = 0, "nothing within 1 s"
            if chance.random() < 0.6:
                push(now + chance.random() * chance.choice((lasts, 5)), "happen", (record, wish))
        else:
            push(now + lasts * chance.random(), "happen", (record, wish))
        push(record.ended + chance.expovariate(20), "ask", about)
    end = max(record.ended for record in records) + 10
    for name in [*episode.names, ""]:
        for kind in ("get",) if name else ("list", "trash"):
            record = Record(len(records), 0, 0, kind, name, {}, end, end + 0.001, status=-1)
            records.append(record)
            finish(record, Wish(kind, name, {}))
            end += 0.01
    return History(f"simulated {seed}", episode.names, records, seed)
