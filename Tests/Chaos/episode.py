# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""An episode: a few clients send random requests for the same few names, so that the requests conflict."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from history import Record

MEBIBYTE = 1 << 20
# The parents of all clones: images with a snapshot that no request changes. The value says whether the clones are plain.
GOLDEN_SNAPSHOT = "base"
GOLDEN_SIZE = 8 * MEBIBYTE
GOLDEN = {"golden-plain": True, "golden-full": False}
SNAPSHOTS = ["s1", "s2"]

# The weights of the kinds of requests. Some episodes have a mood, which changes the weights.
USUAL = {
    "put": 14, "create": 8, "clone": 4, "get": 12, "delete": 13, "purge": 6, "rename": 10, "grow": 9, "snapshot": 5,
    "unsnapshot": 7, "snapshots": 2, "restore": 12, "purge-entry": 5, "trash": 2, "list": 4,
}
CREATES = {"put", "create", "clone"}
ANYWHERE = {"restore", "purge-entry", "trash", "list"}
MOODS: list[dict[str, int]] = [
    {"delete": 40, "put": 20, "create": 8, "restore": 12},
    {"rename": 40, "delete": 25, "put": 12, "restore": 10},
    {"restore": 45, "purge-entry": 12, "delete": 30},
    {"grow": 50, "put": 12, "rename": 10},
    {"snapshot": 30, "unsnapshot": 20, "delete": 15, "snapshots": 6},
    {"purge": 25, "delete": 20, "purge-entry": 20, "restore": 15, "clone": 15},
]


@dataclass
class Wish:
    """A request to send."""

    kind: str
    name: str
    wanted: dict[str, Any]


class Episode:
    """The state that the clients of an episode share: the names, and what the answers said about the images and the trash."""

    def __init__(self, number: int, seed: int) -> None:
        self.number = number
        self.prefix = f"e{number}-"
        self.random = random.Random(f"{seed}/{number}")
        self.names = [f"{self.prefix}{letter}" for letter in "abcd"[:self.random.choice((2, 2, 3, 3, 4))]]
        self.plain = {name: self.random.random() < 0.5 for name in self.names}
        self.size = self.random.randrange(1, 6) * MEBIBYTE
        self.budget = self.random.randrange(40, 81)
        # Whether all clients send requests at the same moment, in rounds, or each client as soon as it has its answer.
        self.in_rounds = self.random.random() < 0.5
        self.weights = USUAL
        if self.random.random() < 0.5:
            mood = self.random.choice(MOODS)
            self.weights = {kind: weight // 3 + mood.get(kind, 0) for kind, weight in USUAL.items()}
        self.trash: dict[str, str] = {}
        # The names that are taken, according to the answers.
        self.taken: set[str] = set()
        # The name, the kinds and the trash entry that most clients choose in a round.
        self.hot: tuple[str, list[str], str] | None = None

    def turn(self) -> None:
        """Begins another round, with another name."""
        ids = list(self.trash)
        self.hot = (self.random.choice(self.names), self.kinds(2), self.random.choice(ids[-2:]) if ids else "")

    def kinds(self, count: int) -> list[str]:
        return self.random.choices(list(self.weights), list(self.weights.values()), k=count)

    def choose(self) -> Wish:
        random = self.random
        kind, name = self.kinds(1)[0], random.choice(self.names)
        id = random.choice(list(self.trash)[-4:]) if self.trash else ""
        if self.hot:
            hot_name, hot_kinds, hot_id = self.hot
            if random.random() < 0.75:
                name, id = hot_name, hot_id if hot_id in self.trash else id
            if random.random() < 0.7:
                kind = random.choice(hot_kinds)
        # If the image does not exist, most requests would only be refused.
        if name not in self.taken and kind not in CREATES and kind not in ANYWHERE and random.random() < 0.6:
            kind = random.choice(("put", "put", "create", "clone"))
        return self.wish(kind, name, id)

    def wish(self, kind: str, name: str, id: str) -> Wish:
        random = self.random
        others = [other for other in self.names if other != name]
        match kind:
            case "put" | "create":
                size = self.size if random.random() < 0.85 else self.size + MEBIBYTE
                return Wish(kind, name, {"size": size, "plain": self.plain[name]})
            case "clone":
                golden = random.choice(list(GOLDEN))
                return Wish(kind, name, {"size": GOLDEN_SIZE, "plain": GOLDEN[golden], "source": golden})
            case "rename":
                return Wish(kind, name, {"to": random.choice(others)})
            case "grow":
                return Wish(kind, name, {"size": self.size + random.randrange(0, 12) * MEBIBYTE})
            case "snapshot" | "unsnapshot":
                return Wish(kind, name, {"snapshot": random.choice(SNAPSHOTS)})
            case "delete":
                return Wish(kind, name, {"delay": "1h"} if random.random() < 0.3 else {})
            case "restore" | "purge-entry" if not id:
                return Wish("delete", name, {})
            case "restore":
                to = random.choice(self.names) if random.random() < 0.6 else None
                return Wish(kind, self.trash[id], {"id": id, "to": to})
            case "purge-entry":
                return Wish(kind, self.trash[id], {"id": id})
            case "trash":
                return Wish(kind, "", {})
            case "list":
                return Wish(kind, "", {"lines": random.random() < 0.3})
        return Wish(kind, name, {})

    def hear(self, record: Record) -> None:
        """Updates the names and the trash from an answer. Some purged entries stay, so that clients ask for them for a while."""
        if record.code == "image-not-found":
            self.taken.discard(record.name)
        elif record.code in ("image-exists", "image-differs"):
            self.taken.add(record.wanted.get("to") or record.name)
        if not record.is_done:
            return
        if record.kind in ("delete", "purge", "rename"):
            self.taken.discard(record.name)
        if isinstance(record.answer, dict) and "size" in record.answer:
            self.taken.add(record.answer["name"])
        if record.kind == "delete" and isinstance(record.answer, dict):
            self.trash[record.answer["id"]] = record.name
        elif record.kind == "trash":
            for row in record.answer:
                self.trash.setdefault(row["id"], row["name"])
        elif record.kind == "purge-entry" and self.random.random() < 0.7:
            self.trash.pop(record.wanted["id"], None)
