#!/usr/bin/env python3
# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Accounts for every object of a pool. Each object must belong to an image in the directory or in the trash, and each image must
have all of its objects, once. An idle pool has no other objects.

usage: accounting.py --conf CEPH_CONF --pool POOL [--namespace NAMESPACE]

Prints a line for each finding. The exit code is 1 if there are any.
"""

from __future__ import annotations

import argparse
import json
import re
import struct
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from objects import Pool, Reader

OBJECT_MAP, JOURNALING = 1 << 3, 1 << 6
# Objects of RBD as a whole, of groups and mirroring, and of the service.
KNOWN = re.compile(
    r"rbd_(directory|info|trash|children|namespace|task|rest_api\.operations|trash_purge_schedule)$|rbd_(group|mirror)")
OPERATIONS = "rbd_rest_api.operations"
REMOVING = "being removed"
STATES = {0: "", 1: "being moved", 2: REMOVING, 3: "being restored"}
SOURCE_REMOVING = 3
SNAPSHOT_IN_TRASH = 2


@dataclass
class Header:
    """The contents of an image's header."""

    features: int = 0
    prefix: str = ""
    # The names by id. `nameless` has the ids of snapshots that are kept in the trash until their last clone is gone.
    snapshots: dict[int, str] = field(default_factory=dict)
    nameless: set[int] = field(default_factory=set)
    # The pool, namespace, image and snapshot that this image was cloned from.
    parent: tuple[int, str, str, int] | None = None
    # The clones that the header lists: snapshot, pool, namespace, image.
    children: set[tuple[int, int, str, str]] = field(default_factory=set)


@dataclass
class Trashed:
    name: str
    state: str


class Audit:
    def __init__(self, conf: Path, pool: str, namespace: str = "") -> None:
        self.conf, self.pool, self.namespace = conf, pool, namespace
        self.findings: list[str] = []
        self.objects: list[str] = []
        # The directory's ids by name and names by id. Then the trash and all headers, by id.
        self.names: dict[str, str] = {}
        self.ids: dict[str, str] = {}
        self.trash: dict[str, Trashed] = {}
        self.headers: dict[str, Header] = {}

    def find(self, finding: str) -> None:
        self.findings.append(finding)

    def run(self) -> list[str]:
        self.source = Pool(self.conf, self.pool, self.namespace)
        try:
            self.objects = self.source.names()
            self.read_directory()
            self.read_trash()
            self.read_headers()
            self.check_names()
            self.check_images()
            self.check_objects()
            self.check_clones()
            self.check_operations()
        finally:
            self.source.close()
        self.check_tools()
        return self.findings

    def named(self, prefix: str) -> list[str]:
        return [name.removeprefix(prefix) for name in self.objects if name.startswith(prefix)]

    # Reading

    def read_directory(self) -> None:
        for key, value in (self.source.omap("rbd_directory") or {}).items():
            if key.startswith("name_"):
                self.names[key.removeprefix("name_")] = Reader(value).text()
            elif key.startswith("id_"):
                self.ids[key.removeprefix("id_")] = Reader(value).text()

    def read_trash(self) -> None:
        for key, value in (self.source.omap("rbd_trash") or {}).items():
            if key.startswith("id_"):
                _, reader = Reader(value).frame()
                source, name = reader.take("B"), reader.text()
                reader.at += 16
                # Old releases of Ceph wrote no state.
                state = reader.take("B") if reader.at < len(reader.data) else 0
                told = REMOVING if source == SOURCE_REMOVING else STATES.get(state, f"in state {state}")
                self.trash[key.removeprefix("id_")] = Trashed(name, told)

    def read_headers(self) -> None:
        for id in self.named("rbd_header."):
            values = self.source.omap(f"rbd_header.{id}")
            # The image may have been removed since the objects were listed.
            if values is None:
                continue
            try:
                self.headers[id] = header(values)
            except (ValueError, struct.error) as error:
                self.find(f"rbd_header.{id} can't be read: {error}")
            if "features" not in values or "size" not in values:
                self.find(f"rbd_header.{id} is not the header of an image: it has {', '.join(sorted(values)) or 'nothing'}")

    # Checking

    def check_names(self) -> None:
        for name, id in self.names.items():
            if self.ids.get(id) != name:
                self.find(f"the directory has {name} with id {id}, but that id has {self.ids.get(id)}")
            data = self.source.data(f"rbd_id.{name}")
            if data is None:
                self.find(f"{name} of the directory has no rbd_id.{name}")
            elif Reader(data).text() != id:
                self.find(f"rbd_id.{name} has id {Reader(data).text()}, the directory {id}")
        for id, name in self.ids.items():
            if self.names.get(name) != id:
                self.find(f"the directory has id {id} for {name}, but that name has {self.names.get(name)}")
            if id in self.trash:
                self.find(f"{id} is in the directory as {name} and in the trash as {self.trash[id].name}")
        for name in self.named("rbd_id."):
            if name not in self.names:
                data = self.source.data(f"rbd_id.{name}")
                if data is not None:
                    id = Reader(data).text() if len(data) >= 4 else "nothing"
                    self.find(f"rbd_id.{name} leads to {id}, but the directory does not have that name; the id has {self.ids.get(id)}")

    def check_images(self) -> None:
        images = {**{id: f"image {name}" for id, name in self.ids.items()},
                  **{id: f"trash entry of {entry.name}" for id, entry in self.trash.items()}}
        for id, entry in self.trash.items():
            if entry.state:
                self.find(f"the trash entry of {entry.name}, {id}, is still {entry.state}")
        for id, what in images.items():
            head = self.headers.get(id)
            if head is None:
                if id not in self.trash or self.trash[id].state != REMOVING:
                    self.find(f"{what} has no rbd_header.{id}")
                continue
            wanted = {f"rbd_object_map.{id}"} | {f"rbd_object_map.{id}.{number:016x}" for number in head.snapshots}
            there = {name for name in self.objects if name.startswith(f"rbd_object_map.{id}")}
            if not head.features & OBJECT_MAP:
                wanted = set()
            # An image may be deleted before its create has finished. It gets its object map when it is restored.
            if id not in self.trash:
                self.findings += [f"{what} has no {name}" for name in sorted(wanted - there)]
            self.findings += [f"{name} is left over: {what} does not have it" for name in sorted(there - wanted)]
            twice = [name for name, count in Counter(head.snapshots.values()).items() if count > 1]
            self.findings += [f"{what}, {id}, has the snapshot {name} more than once" for name in twice]
            needed = {child[0] for child in head.children}
            self.findings += [f"{what}, {id}, still has the deleted snapshot {number}, but no clone needs it"
                              for number in sorted(head.nameless - needed)]
            if head.features & JOURNALING and f"journal.{id}" not in self.objects:
                self.find(f"{what} has no journal.{id}")

    def check_objects(self) -> None:
        owned = set(self.ids) | set(self.trash)
        prefixes = {head.prefix for id, head in self.headers.items() if id in owned} | {f"rbd_data.{id}" for id in owned}
        data: Counter[str] = Counter()
        for name in self.objects:
            kind, _, rest = name.partition(".")
            if KNOWN.match(name) or name.startswith("rbd_id."):
                continue
            if kind in ("rbd_header", "rbd_object_map", "journal", "journal_data"):
                id = re.sub(r"^\d+\.(?=.*\.)", "", rest).split(".")[0] if kind == "journal_data" else rest.split(".")[0]
                if id not in owned:
                    self.find(f"{name} belongs to no image")
            elif kind == "rbd_data":
                prefix = name.rpartition(".")[0]
                if prefix not in prefixes:
                    data[prefix] += 1
            else:
                self.find(f"{name} is not an object of RBD")
        self.findings += [f"{count} objects {prefix}.* belong to no image" for prefix, count in data.items()]
        self.findings += [f"{name} is listed {count} times" for name, count in Counter(self.objects).items() if count > 1]

    def check_clones(self) -> None:
        own = (self.source.id, self.namespace)
        old = self.old_children()
        known = {(id, *child) for id, head in self.headers.items() for child in head.children}
        for id, head in self.headers.items():
            if not head.parent or head.parent[:2] != own:
                continue
            _, _, parent, snapshot = head.parent
            if parent not in self.headers:
                self.find(f"the parent {parent} of {id} is gone")
            elif snapshot not in self.headers[parent].snapshots:
                self.find(f"snapshot {snapshot} of {parent}, the parent of {id}, is gone")
            elif (parent, snapshot, *own, id) not in known and (self.source.id, parent, snapshot, id) not in old:
                self.find(f"{id} is a clone of {parent}, but {parent} does not list it")
        for parent, snapshot, pool, namespace, child in known:
            its = self.headers.get(child)
            if (pool, namespace) == own and (its is None or its.parent != (*own, parent, snapshot)):
                self.find(f"{parent} lists {child} as a clone of its snapshot {snapshot}, but it is not one")

    def old_children(self) -> set[tuple[int, str, int, str]]:
        """Returns the clones of format 1: pool, parent, snapshot, clone."""
        found = set()
        for key, value in (self.source.omap("rbd_children") or {}).items():
            reader, values = Reader(key.encode(errors="replace")), Reader(value)
            try:
                source = (reader.take("q"), reader.text(), reader.take("Q"))
                found |= {(*source, values.text()) for _ in range(values.take("I"))}
            except (ValueError, struct.error):
                self.find("a key of rbd_children can't be read")
        for pool, parent, _, child in found:
            if child not in self.headers:
                self.find(f"rbd_children lists {child} as a clone of {parent}, but it is gone")
        return found

    def check_operations(self) -> None:
        keys = self.source.omap(OPERATIONS) or {}
        for key, value in keys.items():
            kind, _, rest = key.partition(".")
            if kind == "open":
                self.find(f"operation {rest} is not finished")
            elif kind == "held":
                self.find(f"{key} is still claimed")
            elif kind == "claim" and f"open.{value.decode(errors='replace')}" not in keys:
                self.find(f"{key} does not belong to an unfinished operation")

    def check_tools(self) -> None:
        """Compares with the lists of `rbd`. It lists images that are being removed too."""
        place = f"{self.pool}/{self.namespace}" if self.namespace else self.pool
        listed = Counter(self.rbd("ls", place))
        directory = Counter(self.names.keys())
        removing = Counter(entry.name for entry in self.trash.values() if entry.state == REMOVING)
        for name in sorted(set(directory) | set(listed)):
            if not directory[name] <= listed[name] <= directory[name] + removing[name]:
                self.find(f"rbd ls lists {name} {listed[name]} times, the directory {directory[name]} times")
        trash = {entry["id"] for entry in self.rbd("trash", "ls", "--all", place)}
        # `rbd trash ls` does not list images that are being removed.
        wanted = {id for id, entry in self.trash.items() if entry.state != REMOVING}
        self.findings += [f"rbd trash ls does not list {id}" for id in sorted(wanted - trash)]
        self.findings += [f"rbd trash ls lists {id}, but it is not in the trash" for id in sorted(trash - set(self.trash))]

    def rbd(self, *arguments: str) -> list:  # type: ignore[type-arg]
        command = ["rbd", "-c", str(self.conf), *arguments, "--format", "json"]
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        if result.returncode != 0:
            self.find(f"{' '.join(arguments)} fails: {result.stderr.strip()[-200:]}")
            return []
        return json.loads(result.stdout)  # type: ignore[no-any-return]


def header(values: dict[str, bytes]) -> Header:
    head = Header(features=Reader(values.get("features", bytes(8))).take("Q"))
    if "object_prefix" in values:
        head.prefix = Reader(values["object_prefix"]).text()
    for key, value in values.items():
        if key.startswith("snapshot_"):
            _, reader = Reader(value).frame()
            number = int(key.removeprefix("snapshot_"), 16)
            head.snapshots[number] = (reader.take("Q"), reader.text())[1]
            # Skip the size, the protection status and the flags.
            reader.at += 8 + 1 + 8
            if reader.frame()[1].take("I") == SNAPSHOT_IN_TRASH:
                head.nameless.add(number)
        elif key == "parent":
            version, reader = Reader(value).frame()
            pool = reader.take("q")
            namespace = reader.text() if version >= 2 else ""
            image, snapshot = reader.text(), reader.take("Q")
            # After a flatten, the header keeps a parent record without a pool or an image.
            head.parent = (pool, namespace, image, snapshot) if pool >= 0 and image else None
        elif key.startswith("snap_children_"):
            reader = Reader(value)
            for _ in range(reader.take("I")):
                _, child = reader.frame()
                pool, image = child.take("q"), child.text()
                namespace = child.text() if child.at < len(child.data) else ""
                head.children.add((int(key.removeprefix("snap_children_"), 16), pool, namespace, image))
    return head


def main() -> int:
    parser = argparse.ArgumentParser(prog="accounting.py")
    parser.add_argument("--conf", type=Path, required=True)
    parser.add_argument("--pool", required=True)
    parser.add_argument("--namespace", default="")
    options = parser.parse_args()
    findings = Audit(options.conf, options.pool, options.namespace).run()
    print("\n".join(findings), end="\n" if findings else "")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
