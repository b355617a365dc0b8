# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Requests and their answers, in a form that can be stored."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

# The kinds of requests that change nothing.
READS = {"get", "list", "trash", "snapshots", "operation"}


@dataclass(slots=True)
class Record:
    """A request and its answer. Times are those of time.perf_counter."""

    number: int
    client: int
    replica: int
    kind: str
    # The name of the image, as the client knew it. It is empty if the request is about all images.
    name: str
    # The parameters of the request: size, plain, to, snapshot, id, operation.
    wanted: dict[str, Any]
    began: float
    ended: float
    # 0 if there was no answer.
    status: int = 0
    code: str = ""
    # The part of the answer that the model knows.
    answer: Any = None
    note: str = ""
    request: str = ""

    @property
    def is_done(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_refused(self) -> bool:
        """The request was not executed: it was refused, or no server accepted the connection."""
        return 400 <= self.status < 500 or self.is_unsent

    @property
    def is_unsent(self) -> bool:
        return self.status == 0 and self.note.startswith("ConnectionRefusedError")

    @property
    def is_unknown(self) -> bool:
        return not self.is_done and not self.is_refused

    def __str__(self) -> str:
        wanted = ", ".join(f"{key} {value}" for key, value in self.wanted.items() if value is not None)
        asked = f"{self.kind} {self.name}".strip() + (f" ({wanted})" if wanted else "")
        answered = f"{self.status} {self.code}".strip() if self.status else "no answer"
        told = "" if self.answer is None else f" {json.dumps(self.answer, separators=(',', ':'))}"
        return f"{asked} -> {answered}{told}" + (f" [{self.note}]" if self.note else "")


@dataclass
class History:
    """The requests of one episode. No other episode uses its names."""

    episode: str
    names: list[str]
    records: list[Record]
    seed: int = 0
    # Why the history is stored, and the outcome that the checker must find.
    description: str = ""
    expected: str = ""
    # Reads at the end that were never answered.
    unanswered: list[str] = field(default_factory=list)
    # The faults of replicas and the OSD at that time: the moment and a description.
    faults: list[tuple[float, str]] = field(default_factory=list)

    def with_records(self, records: list[Record]) -> History:
        return replace(self, records=records)

    @property
    def began(self) -> float:
        return min((record.began for record in self.records), default=0)

    @property
    def ended(self) -> float:
        return max((record.ended for record in self.records), default=0)

    def save(self, path: Path) -> None:
        """Writes one record per line, so that people can read it. The file gets its final name when it is complete."""
        head = asdict(replace(self, records=[]))
        del head["records"]
        compact = (json.dumps(without_defaults(record), separators=(",", ":")) for record in self.records)
        text = json.dumps(head, indent=1)[:-2] + ',\n "records": [\n' + ",\n".join(compact) + "\n ]\n}\n"
        partial = path.with_name(f".{path.name}")
        partial.write_text(text)
        partial.replace(path)

    @staticmethod
    def load(path: Path) -> History:
        document = json.loads(path.read_text())
        document["records"] = [Record(**record) for record in document["records"]]
        document["faults"] = [(moment, words) for moment, words in document.get("faults", [])]
        return History(**document)


def without_defaults(record: Record) -> dict[str, Any]:
    found = asdict(record)
    for key in ("code", "note", "request"):
        if not found[key]:
            del found[key]
    found["began"], found["ended"] = round(found["began"], 6), round(found["ended"], 6)
    return found


def seen_ids(record: Record) -> set[str]:
    """The image ids that an answer shows."""
    if not record.is_done or record.kind in ("snapshot", "snapshots", "operation"):
        return set()
    rows = record.answer if isinstance(record.answer, list) else [record.answer]
    return {row["id"] for row in rows if isinstance(row, dict) and "id" in row}
