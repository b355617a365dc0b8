# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""The steps of the model that each answer claims.

2xx says that the request was executed, at some moment between request and answer. 4xx says that it was not. Some codes also give
a reason, which must have been true at some moment. Codes that mean "another change is running, try again" claim nothing. After
5xx, or without an answer, the request may be executed at one moment after it was sent, or never. A list is not one read: it is
one read for each name, each at its own moment.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator
from typing import Any

from history import History, Record, seen_ids
from image_model import UNTOLD, Image, Model, Test, always, impossible
from linearizability import Effect, Kind, Step

CREATES = {"put", "create", "clone"}
PURGES = {"purge", "purge-entry"}
# The states of an operation that ended without success.
FAILED = {"failed", "cancelled", "stopped"}
# The codes for an image or a name with an unfinished change. Other problems with "retryable" are treated the same.
COME_AGAIN = {"change-in-progress", "operation-in-progress", "image-incomplete", "image-in-use"}


class Reading:
    """Translates a history into a model, its steps, and the answers that the model does not know.

    If `is_torn`, an answer may read a name at one moment and the name's image at another.
    """

    def __init__(self, history: History, is_torn: bool = False) -> None:
        self.records = history.records
        self.is_torn = is_torn
        given = [record.answer["id"] for record in self.records if record.kind in CREATES and record.status == 201]
        self.twice = {id for id in given if given.count(id) > 1}
        self.model = Model(history.names, set(given), {id for record in self.records for id in seen_ids(record)})
        # The last answers about operations, with their states.
        self.operations = {record.wanted["operation"]: record for record in self.records
                           if record.kind == "operation" and record.is_done}
        # When the first and the last request began whose answers show an id.
        self.first_seen: dict[str, float] = {}
        self.last_seen: dict[str, float] = {}
        for record in self.records:
            for id in seen_ids(record):
                self.first_seen[id] = min(self.first_seen.get(id, math.inf), record.began)
                self.last_seen[id] = max(self.last_seen.get(id, 0), record.began)
        self.deletions = [record for record in self.records if record.kind == "unsnapshot" and not record.is_refused]
        self.odd: list[Record] = []
        self.steps: list[Step] = []
        for record in self.records:
            self.steps += self.read(record)

    def read(self, record: Record) -> Iterable[Step]:
        if record.is_done:
            return self.done(record)
        if record.is_refused:
            return self.refused(record)
        return self.unknown(record)

    # Steps

    def claim(self, record: Record, text: str, effect: Effect, id: str | None = None) -> Step:
        """A step that claims that something was true. It is not a read if it may assign an image's id."""
        kind = Kind.READ if self.model.is_certain(id) else Kind.CHANGE
        return Step(record.number, text, kind, record.began, record.ended, effect)

    def change(self, record: Record, text: str, effect: Effect, after: Step | None = None, ended: float | None = None) -> Step:
        end = record.ended if ended is None else ended
        return Step(record.number, text, Kind.CHANGE, record.began, end, effect, after)

    def maybe(self, record: Record, text: str, effect: Effect, twin: Hashable = None, ending: str | None = None) -> Step:
        """`ending` is an image that the step removes. The step comes after the last request whose answer shows that image."""
        began = max(record.began, self.last_seen.get(ending or "", 0))
        return Step(record.number, text, Kind.MAYBE, began, math.inf, effect, twin=twin)

    def nonsense(self, record: Record, text: str) -> Step:
        return Step(record.number, text, Kind.READ, record.began, record.ended, impossible)

    # Executed requests

    def done(self, record: Record) -> Iterator[Step]:
        model, name, wanted = self.model, record.name, record.wanted
        answer = record.answer if isinstance(record.answer, dict) else {}
        id: Any = answer.get("id")
        match record.kind:
            case "put" | "create" | "clone" if record.status == 201:
                if answer["name"] != name or answer["size"] < wanted["size"] or id in self.twice:
                    yield self.nonsense(record, f"{name} is made with size {wanted['size']} and an id of its own")
                yield self.change(record, f"{name} is made as {id}", model.create(name, id, wanted["size"], wanted["plain"]))
            case "put":
                yield from self.described(record, name, answer, fits(wanted))
            case "get":
                yield from self.described(record, name, answer)
            case "list":
                yield from self.listed(record)
            case "trash":
                yield from self.trash(record)
            case "snapshots":
                there = frozenset(record.answer)
                yield self.claim(record, f"{name} has the snapshots {sorted(there)}",
                                 model.is_live(name, None, lambda image: image.snapshots == there))
            case "delete" if record.status == 204:
                yield self.claim(record, f"{name} was at most half-made", self.remnant(record))
            case "delete":
                if answer["name"] != name:
                    yield self.nonsense(record, f"what is deleted is called {name}")
                yield self.change(record, f"{name}, {id}, goes to the trash", model.move_to_trash(name, id))
            case "purge" | "purge-entry":
                yield from self.purged(record)
            case "restore":
                told = answer["name"]
                yield self.change(record, f"{wanted['id']} is restored as {told}", model.restore(wanted["id"], wanted.get("to"), told))
            case "rename":
                if answer["name"] != wanted["to"]:
                    yield self.nonsense(record, f"what is renamed is called {wanted['to']}")
                yield self.change(record, f"{name}, {id}, becomes {wanted['to']}", model.rename(name, wanted["to"], id))
            case "grow":
                if answer["size"] < wanted["size"]:
                    yield self.nonsense(record, f"{name} has at least {wanted['size']}")
                yield self.change(record, f"{name}, {id}, grows to {wanted['size']}", model.grow(name, id, wanted["size"]))
            case "snapshot":
                yield self.change(record, f"{name} gets {wanted['snapshot']}", model.snapshot(name, wanted["snapshot"]))
            case "unsnapshot":
                yield self.change(record, f"{name} loses {wanted['snapshot']}", model.unsnapshot(name, wanted["snapshot"]))

    def described(self, record: Record, name: str, row: dict[str, Any], test: Test = always) -> Iterator[Step]:
        """The claims of an answer that describes an image. The snapshots were counted in a read of their own."""
        id, size, plain, count = row["id"], row["size"], row["plain"], row.get("snapshots")
        # An image that is being removed counts as one without a name.
        if row.get("state", "ready") != "ready":
            return

        def fits_row(image: Image) -> bool:
            return image.size == size and image.plain == plain and test(image)
        if self.is_torn and id in self.model.given:
            yield self.claim(record, f"{name} is {id}", self.model.is_live(name, id))
            yield self.claim(record, f"{id} has {size}", self.model.has(id, fits_row))
        else:
            yield self.claim(record, f"{name} is {id} of {size}", self.model.is_live(name, id, fits_row), id)
        if count is not None and id in self.model.given:
            has_nameless = self.may_have_nameless(record)

            def is_counted(image: Image) -> bool:
                return len(image.snapshots) == count or (has_nameless and len(image.snapshots) < count)
            yield self.claim(record, f"{id} has {count} snapshots", self.model.has(id, is_counted))

    def may_have_nameless(self, record: Record) -> bool:
        """Whether a snapshot may be half deleted. It has lost its name, but is still counted and still prevents a DELETE of the image."""
        return any(deletion.began < record.ended and (deletion.is_unknown or deletion.ended > record.began)
                   for deletion in self.deletions)

    def listed(self, record: Record) -> Iterator[Step]:
        rows = record.answer
        for name in sorted({row["name"] for row in rows} - set(self.model.places)):
            yield self.nonsense(record, f"{name} is listed, but no request created it")
        for name in self.model.places:
            mine = [row for row in rows if row["name"] == name]
            ready = [row for row in mine if row.get("state", "ready") == "ready"]
            if len(ready) > 1:
                yield self.nonsense(record, f"{name} is listed {len(ready)} times")
            elif ready:
                yield from self.described(record, name, ready[0])
            elif not mine:
                yield self.claim(record, f"{name} is free", self.model.is_free(name))

    def trash(self, record: Record) -> Iterator[Step]:
        for row in record.answer:
            yield self.claim(record, f"{row['id']} of {row['name']} is in the trash",
                             self.model.is_in_trash(row["id"], row["name"]), row["id"])
            if row.get("state") == "removing" and not self.may_be_purged(row, record):
                yield self.nonsense(record, f"{row['id']} is being purged, but no request asked for that")
        there = {row["id"] for row in record.answer}
        for id, since in self.first_seen.items():
            if id not in there and since < record.ended:
                yield self.claim(record, f"{id} is not in the trash", self.model.is_not_in_trash(id))

    def may_be_purged(self, row: dict[str, Any], seen: Record) -> bool:
        return any(record.kind == "purge" or record.wanted.get("id") == row["id"] for record in self.records
                   if record.kind in PURGES and not record.is_refused and record.began < seen.ended)

    def purged(self, record: Record) -> Iterator[Step]:
        """A purge has two moments: it claims the image, and the image is gone. 202 reports the first one."""
        model, answer = self.model, record.answer or {}
        end = self.operations.get(answer.get("operation", ""))
        state = end.answer["state"] if end else ""
        # An operation that has failed leaves the image in the trash, where it can be restored.
        is_final = record.status == 204 or (state not in FAILED and bool(end))
        purge = (record.number, is_final)
        if record.kind == "purge-entry":
            id = record.wanted["id"]
            first = self.change(record, f"{id} is being purged", model.begin_purge(id, purge))
        else:
            id = answer.get("id")
            takes = model.move_to_trash(record.name, id, purge)
            effect = either(takes, self.remnant(record)) if record.status == 204 else takes
            first = self.change(record, f"{record.name} is being purged", effect)
        yield first
        text = f"{id or record.name} is gone"
        if record.status == 204:
            yield self.change(record, text, model.end_purge(purge, id, True), after=first)
        elif state == "succeeded" and end:
            yield self.change(record, text, model.end_purge(purge, id, True), after=first, ended=end.ended)
        else:
            yield self.maybe(record, text, model.end_purge(purge, id, False), ending=id)

    def remnant(self, record: Record) -> Effect:
        """The effect of a 204 for the remains of an interrupted request. There must have been such a request."""
        name = record.name
        for other in self.records:
            names = {other.name, other.wanted.get("to")}
            if name in names and other.began < record.ended and other is not record and (
                    (other.is_unknown and other.kind not in ("get", "list", "trash", "snapshots"))
                    or (other.kind == "purge" and other.status == 202)):
                return self.model.is_free(name)
        return impossible

    # Refused requests

    def refused(self, record: Record) -> Iterator[Step]:
        model, name, wanted, code = self.model, record.name, record.wanted, record.code
        answer = record.answer if isinstance(record.answer, dict) else {}
        if record.is_unsent or code in COME_AGAIN or answer.get("retryable"):
            return
        match record.kind, code:
            case ("get" | "delete" | "purge" | "rename" | "grow" | "snapshot" | "unsnapshot" | "snapshots"), "image-not-found":
                yield self.claim(record, f"{name} is free", model.is_free(name))
            case ("put" | "create" | "clone"), "image-exists":
                yield self.claim(record, f"{name} is taken", model.is_live(name))
            case "put", "image-differs":
                test = fits(wanted)
                yield self.claim(record, f"{name} is different", model.is_live(name, None, lambda image: not test(image)))
            case ("delete" | "purge"), "image-has-snapshots":
                has_nameless = self.may_have_nameless(record)
                yield self.claim(record, f"{name} has snapshots",
                                 model.is_live(name, None, lambda image: has_nameless or bool(image.snapshots)))
            case ("rename" | "restore"), "image-exists" if wanted.get("to"):
                yield self.claim(record, f"{wanted['to']} is taken", model.is_live(wanted["to"]))
            case "restore", "image-exists":
                yield self.claim(record, f"the name of {wanted['id']} is taken", model.is_in_the_way(wanted["id"]), wanted["id"])
            case "grow", "confirmation-required":
                yield self.claim(record, f"{name} has more than {wanted['size']}",
                                 model.is_live(name, None, lambda image: image.size > wanted["size"]))
            case "snapshot", "snapshot-exists":
                yield self.claim(record, f"{name} has {wanted['snapshot']}",
                                 model.is_live(name, None, lambda image: wanted["snapshot"] in image.snapshots))
            case "unsnapshot", "snapshot-not-found":
                yield self.claim(record, f"{name} exists without {wanted['snapshot']}",
                                 model.is_live(name, None, lambda image: wanted["snapshot"] not in image.snapshots))
            case ("restore" | "purge-entry"), "trash-entry-not-found":
                yield self.claim(record, f"{wanted['id']} is not in the trash", model.is_not_in_trash(wanted["id"]))
            case _:
                self.odd.append(record)

    # Requests with an unknown outcome

    def unknown(self, record: Record) -> Iterator[Step]:
        model, name, wanted, number = self.model, record.name, record.wanted, record.number
        purge = (number, False)
        match record.kind:
            case "put" | "create" | "clone":
                effect = model.create(name, UNTOLD, wanted["size"], wanted["plain"])
                yield self.maybe(record, f"{name} is made", effect, ("create", name, wanted["size"], wanted["plain"]))
            case "delete":
                yield self.maybe(record, f"{name} goes to the trash", model.move_to_trash(name, None), ("delete", name))
            case "purge":
                yield self.maybe(record, f"{name} is being purged", model.move_to_trash(name, None, purge), ("purge", name))
                yield self.maybe(record, f"{name} is gone", model.end_purge(purge, None, False))
            case "purge-entry":
                id = wanted["id"]
                yield self.maybe(record, f"{id} is gone", model.destroy(id), ("destroy", id), id)
            case "restore":
                yield self.maybe(record, f"{wanted['id']} is restored", model.restore(wanted["id"], wanted.get("to")),
                                 ("restore", wanted["id"], wanted.get("to")))
            case "rename":
                yield self.maybe(record, f"{name} becomes {wanted['to']}", model.rename(name, wanted["to"], None),
                                 ("rename", name, wanted["to"]))
            case "grow":
                yield self.maybe(record, f"{name} grows to {wanted['size']}", model.grow(name, None, wanted["size"]),
                                 ("grow", name, wanted["size"]))
            case "snapshot":
                yield self.maybe(record, f"{name} gets {wanted['snapshot']}", model.snapshot(name, wanted["snapshot"]),
                                 ("snapshot", name, wanted["snapshot"]))
            case "unsnapshot":
                yield self.maybe(record, f"{name} loses {wanted['snapshot']}", model.unsnapshot(name, wanted["snapshot"]),
                                 ("unsnapshot", name, wanted["snapshot"]))


def fits(wanted: dict[str, Any]) -> Test:
    """Whether an image is like the one that a PUT requests. If the PUT names no features, they are not compared."""
    return lambda image: image.size == wanted["size"] and (image.plain or not wanted["plain"])


def either(first: Effect, second: Effect) -> Effect:
    return lambda state: [*first(state), *second(state)]
