# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""What was asked and what was answered, in a form that can be kept."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

# What asks, and changes nothing.
READS = {"get", "list", "trash", "snapshots", "operation"}


@dataclass(slots=True)
class Record:
    """A request and its answer. Times are those of time.perf_counter."""

    number: int
    client: int
    replica: int
    kind: str
    # The image that it is about, by the name that the client knew it by; empty where it is about all.
    name: str
    # What was asked for: size, plain, to, snapshot, id, operation.
    wanted: dict[str, Any]
    began: float
    ended: float
    # 0 where there was no answer.
    status: int = 0
    code: str = ""
    # What of the answer matters here.
    answer: Any = None
    note: str = ""
    request: str = ""

    @property
    def is_done(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_refused(self) -> bool:
        """It did not happen: it was refused, or nobody was there to be asked."""
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
    """An episode: all that was asked about a few names that nobody else asks about."""

    episode: str
    names: list[str]
    records: list[Record]
    seed: int = 0
    # What kept a history, and what it is to be found to be.
    description: str = ""
    expected: str = ""
    # Reads at the end that were never answered.
    unanswered: list[str] = field(default_factory=list)
    # What was done to replicas and OSDs meanwhile: moment and words.
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
        """One record a line, so that a person can read it; a name that others look for appears when all is written."""
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
    """Those that an answer shows."""
    if not record.is_done or record.kind in ("snapshot", "snapshots", "operation"):
        return set()
    rows = record.answer if isinstance(record.answer, list) else [record.answer]
    return {row["id"] for row in rows if isinstance(row, dict) and "id" in row}
