# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Sends the requests of an episode over HTTP, and extracts from the answers what a history needs."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from typing import Any

from episode import GOLDEN_SNAPSHOT, Wish
from history import READS, Record
from wire import Address, Answer, Connection, image, images

NO_RETRY_AFTER = "no Retry-After"
LINES = "Accept: application/x-ndjson\r\n"
# A plain image has only these features. Any image may also have the ones in BESIDES.
PLAIN = {"layering"}
BESIDES = {"operations", "data-pool"}


def request(pool: str, prefix: str, wish: Wish) -> tuple[str, str, Any, str]:
    """Returns the method, the target, the body and further headers."""
    name, wanted = wish.name, wish.wanted
    trash = f"/v1/pools/{pool}/trash"
    features = {"features": ["layering"]} if wanted.get("plain") else {}
    match wish.kind:
        case "put":
            return "PUT", image(pool, name), {"size": wanted["size"], **features}, ""
        case "create":
            return "POST", images(pool), {"name": name, "size": wanted["size"], **features}, ""
        case "clone":
            source = {"image": wanted["source"], "snapshot": GOLDEN_SNAPSHOT}
            return "POST", images(pool), {"name": name, "source": source}, ""
        case "get":
            return "GET", image(pool, name), None, ""
        case "list":
            return "GET", f"{images(pool)}?prefix={prefix}", None, LINES if wanted.get("lines") else ""
        case "delete":
            return "DELETE", image(pool, name) + (f"?delay={wanted['delay']}" if "delay" in wanted else ""), None, ""
        case "purge":
            return "DELETE", f"{image(pool, name)}?purge=true&wait=5s", None, ""
        case "rename":
            return "PATCH", image(pool, name), {"name": wanted["to"]}, ""
        case "grow":
            return "PATCH", image(pool, name), {"size": wanted["size"]}, ""
        case "snapshot":
            return "POST", f"{image(pool, name)}/snapshots", {"name": wanted["snapshot"]}, ""
        case "unsnapshot":
            return "DELETE", f"{image(pool, name)}/snapshots/{wanted['snapshot']}", None, ""
        case "snapshots":
            return "GET", f"{image(pool, name)}/snapshots", None, ""
        case "restore":
            body = {"name": wanted["to"]} if wanted.get("to") else {}
            return "POST", f"{trash}/{wanted['id']}/restore", body, ""
        case "purge-entry":
            return "DELETE", f"{trash}/{wanted['id']}?force=true&wait=5s", None, ""
        case "trash":
            return "GET", f"{trash}?limit=10000", None, ""
        case "operation":
            return "GET", f"/v1/operations/{wanted['operation']}", None, ""
    raise ValueError(wish.kind)


def image_row(document: dict[str, Any]) -> dict[str, Any]:
    row = {"id": document["id"], "name": document["name"], "size": document.get("sizeBytes"),
           "plain": set(document.get("features") or ()) - BESIDES == PLAIN}
    if "snapshotCount" in document:
        row["snapshots"] = document["snapshotCount"]
    if document.get("state") != "ready":
        row["state"] = document.get("state")
    return row


def trash_row(document: dict[str, Any]) -> dict[str, Any]:
    row = {"id": document["id"], "name": document["name"]}
    return row if document["state"] == "trashed" else {**row, "state": document["state"]}


def lines_of(body: bytes) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in body.split(b"\n") if line]
    if any("code" in row for row in rows):
        raise ValueError("the list ends with a problem")
    return rows


def distil(kind: str, prefix: str, answer: Answer) -> Any:
    """Returns the part of an answer that the model knows. Raises if the answer is malformed."""
    if answer.status >= 400:
        problem = {"detail": answer.document.get("detail", "")}
        return {**problem, "retryable": True} if answer.document.get("retryable") else problem
    match kind:
        case "put" | "create" | "clone" | "get" | "rename" | "grow" | "restore":
            return image_row(answer.document)
        case "list":
            is_lines = answer.headers.get("content-type", "").startswith("application/x-ndjson")
            rows = lines_of(answer.body) if is_lines else answer.document["items"]
            if not is_lines and answer.document["nextCursor"] is not None:
                raise ValueError("the list is longer than its page")
            return [image_row(row) for row in rows]
        case "trash":
            if answer.document["nextCursor"] is not None:
                raise ValueError("the trash is longer than its page")
            return [trash_row(row) for row in answer.document["items"] if row["name"].startswith(prefix)]
        case "delete" if answer.status == 200:
            return {"id": answer.document["id"], "name": answer.document["name"]}
        case "purge" | "purge-entry" if answer.status == 202:
            return {"operation": answer.document["id"], "id": answer.document["imageId"]}
        case "snapshots":
            # The list also has the remains of interrupted deletions, under names of their own.
            return [row["name"] for row in answer.document["items"] if row["kind"] == "user"]
        case "operation":
            return {key: answer.document[key] for key in ("state", "image", "imageId")}
    return None


class Asker:
    """One client: a connection to each replica, one request at a time."""

    def __init__(self, number: int, addresses: list[Address], pool: str, out: Any, seed: str) -> None:
        self.number = number
        self.pool = pool
        # The replicas that are known not to answer, as a load balancer would know. A few requests still go to them.
        self.out = out
        self.random = random.Random(seed)
        self.connections = [Connection(address) for address in addresses]

    def close(self) -> None:
        for connection in self.connections:
            connection.close()

    def replica(self) -> int:
        for _ in range(4):
            replica = self.random.randrange(len(self.connections))
            if not self.out[replica] or self.random.random() < 0.1:
                break
        return replica

    async def ask(
        self, prefix: str, wish: Wish, begin: Callable[[Record], None], timeout: float, replica: int | None = None
    ) -> Record:
        """Sends the request. `begin` gets the record before that, so that every request is recorded."""
        replica = self.replica() if replica is None else replica
        now = time.perf_counter()
        record = Record(-1, self.number, replica, wish.kind, wish.name, wish.wanted, now, now)
        begin(record)
        method, target, body, headers = request(self.pool, prefix, wish)
        answer = await self.connections[replica].request(method, target, body, timeout, headers)
        record.began, record.ended, record.note = answer.began, answer.ended, answer.note
        record.request = answer.headers.get("x-request-id", "")
        if not answer.status:
            return record
        try:
            record.answer = distil(wish.kind, prefix, answer)
            record.status, record.code = answer.status, answer.code
            if 400 <= answer.status and not answer.code:
                raise ValueError(f"a {answer.status} without a code")
        except (ValueError, KeyError, TypeError) as error:
            # An answer that can't be read says nothing about the outcome.
            record.status, record.note = 0, f"{answer.status}, {type(error).__name__}: {error}"
        # A client that must wait for another replica must be told how long.
        if (record.status == 503 or record.code == "change-in-progress") and not answer.retry_after:
            record.note = NO_RETRY_AFTER
        if record.status >= 400 and record.kind in READS:
            record.answer = None if record.status < 500 else record.answer
        return record
