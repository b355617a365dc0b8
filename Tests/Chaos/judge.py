# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Judges histories. It reduces bad histories to the records that make them bad, and prints them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from history import READS, History, Record, seen_ids
from linearizability import Outcome, Verdict, check
from outcomes import Reading

# The time limit for one history, in seconds. A history that takes longer is reported as undecided, which is not a pass.
MOST_SECONDS = 600.0


@dataclass
class Judgement:
    outcome: Outcome
    # The record whose answer can't be explained, the part that can't, its time, and the states that were possible instead.
    record: int | None = None
    claim: str = ""
    moment: float = 0
    states: list[str] = field(default_factory=list)
    seconds: float = 0
    ways: int = 0
    # Whether the history would be linearizable if a name and its image could be read at two different moments.
    is_torn: bool = False
    # Answers that the model does not know.
    odd: list[str] = field(default_factory=list)

    @property
    def is_bad(self) -> bool:
        return self.outcome is Outcome.NOT_LINEARIZABLE


def judge(history: History, seconds: float = MOST_SECONDS) -> Judgement:
    began = time.perf_counter()
    reading = Reading(history)
    verdict: Verdict = check(reading.steps, reading.model.initial, seconds)
    judgement = Judgement(verdict.outcome, seconds=time.perf_counter() - began, ways=verdict.ways)
    judgement.odd = [f"{record.kind}: {record.status} {record.code}" for record in reading.odd]
    if verdict.step:
        judgement.record, judgement.claim, judgement.moment = verdict.step.record, verdict.step.text, verdict.step.ended
        judgement.states = [reading.model.describe(state) for state in verdict.states[:3]]  # type: ignore[arg-type]
        torn = Reading(history, is_torn=True)
        judgement.is_torn = check(torn.steps, torn.model.initial, seconds).outcome is Outcome.LINEARIZABLE
    return judgement


# Shrinking

def shrink(history: History, seconds: float = 60) -> History:
    """Returns the part of a bad history that shows what is wrong.

    A good history stays good if reads, refusals, everything about snapshots, or names that are not connected to the rest are left
    out. So if the shorter history is still bad, the records that were left out are not the reason.
    """
    deadline = time.monotonic() + seconds
    first = judge(history)

    def is_bad(records: list[Record]) -> bool:
        return time.monotonic() < deadline and judge(history.with_records(records), 10).is_bad

    def shorter(records: list[Record], fewer: list[Record]) -> list[Record]:
        return fewer if len(fewer) < len(records) and is_bad(fewer) else records

    # Leave out later requests: they can't explain this answer.
    records = shorter(history.records, [record for record in history.records if record.began <= first.moment])
    records = shorter(records, without_other_names(records, first.record))
    records = shorter(records, without_snapshots(records))
    failed = judge(history.with_records(records)).record
    culprit = next(record for record in records if record.number == failed)

    def may_go(record: Record) -> bool:
        # Keep refused requests that ran at the same time for the same names.
        is_beside = record.began < culprit.ended and record.ended > culprit.began and touched(record) & touched(culprit)
        # Also keep requests that were refused because their new name was taken.
        is_to = record.wanted.get("to") in touched(culprit)
        return record.kind in READS or (record.is_refused and (record.is_unsent or not (is_beside or is_to)))
    records = leave_out(records, may_go, is_bad)
    records = without_lives(records, is_bad)
    records = shorter(records, without_other_names(records, judge(history.with_records(records)).record))
    names = [name for name in history.names if any(name in touched(record) for record in records)]
    return replace(history, names=names, records=records)


def leave_out(records: list[Record], may_go: Callable[[Record], bool], is_bad: Callable[[list[Record]], bool]) -> list[Record]:
    """Leaves out as many of these records as possible: first many at a time, then one by one."""
    size = max(1, len(records) // 2)
    while True:
        candidates = [record for record in records if may_go(record)]
        for begin in range(0, len(candidates), size):
            chunk = {record.number for record in candidates[begin:begin + size]}
            fewer = [record for record in records if record.number not in chunk]
            if is_bad(fewer):
                records = fewer
        if size == 1:
            return records
        size = max(1, size // 2)


def touched(record: Record) -> set[str]:
    return {name for name in (record.name, record.wanted.get("to")) if name}


def without_other_names(records: list[Record], failed: int | None) -> list[Record]:
    """Leaves out records that are not connected to the names of the failed answer. Only changes connect two names."""
    connected = {name for record in records if record.number == failed for name in touched(record)}
    ids = {id for record in records if record.number == failed for id in seen_ids(record)}
    grown = -1
    while grown != len(connected) + len(ids):
        grown = len(connected) + len(ids)
        for record in records:
            if record.kind in READS or record.is_unsent or (record.is_refused and "to" not in record.wanted):
                continue
            its = record.wanted.get("id") or (isinstance(record.answer, dict) and record.answer.get("id")) or ""
            if touched(record) & connected or its in ids:
                connected |= touched(record)
                ids |= {its} - {""}
    if not connected:
        return records
    fewer = []
    for record in records:
        if isinstance(record.answer, list) and record.kind in ("list", "trash"):
            record = replace(record, answer=[row for row in record.answer if row["name"] in connected])
        # Leave out every record with another name, because its answer can't be explained without that name.
        if touched(record) <= connected:
            fewer.append(record)
    return fewer


def without_snapshots(records: list[Record]) -> list[Record]:
    about = {"snapshot", "unsnapshot", "snapshots"}
    fewer = []
    for record in records:
        if record.kind in about or record.code == "image-has-snapshots":
            continue
        answer = record.answer
        if isinstance(answer, dict) and "snapshots" in answer:
            record = replace(record, answer=uncounted(answer))
        elif record.kind == "list" and record.is_done:
            record = replace(record, answer=[uncounted(row) for row in answer])
        fewer.append(record)
    return fewer


def uncounted(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "snapshots"}


def without_lives(records: list[Record], is_bad: Callable[[list[Record]], bool]) -> list[Record]:
    """Leaves out images that are not needed. The records that stay must not depend on such an image, for example by a refusal that
    says that a name is taken but not by which image."""
    ids = dict.fromkeys(record.answer["id"] for record in records if record.status == 201 and isinstance(record.answer, dict)
                        and "id" in record.answer and record.kind != "snapshot")
    for id in ids:
        its = [record for record in records
               if record.wanted.get("id") == id or (isinstance(record.answer, dict) and record.answer.get("id") == id)]
        numbers = {record.number for record in its}
        rest = [record for record in records if record.number not in numbers]
        if any(record.kind in ("snapshot", "unsnapshot", "snapshots", "list", "trash") or record.status == 204
               or record.code in ("image-exists", "image-differs", "confirmation-required") for record in rest):
            continue
        if rest and is_bad(rest):
            records = rest
    return records


# Printing

def tell(history: History, judgement: Judgement) -> str:
    """Formats a bad history for people."""
    lines = [f"seed {history.seed}, episode {history.episode}, {len(history.records)} requests:"]
    began = history.began
    for record in sorted(history.records, key=lambda record: record.began):
        mark = "*" if record.number == judgement.record else " "
        lines.append(f" {mark} {record.began - began:8.3f} … {record.ended - began:8.3f}  "
                     f"client {record.client:2} replica {record.replica}  {record}")
    lines.append(f"  no order explains: {judgement.claim}")
    lines += [f"  possible state: {state}" for state in judgement.states]
    if judgement.is_torn:
        lines.append("  it would be linearizable if a name and its image could be read at two different moments")
    lines += [f"  meanwhile, at {moment - began:8.3f}: {words}" for moment, words in history.faults]
    return "\n".join(lines)


# The process that judges

@dataclass
class Judged:
    """The results of all histories."""

    passed: int = 0
    records: int = 0
    seconds: float = 0
    slowest: float = 0
    most_ways: int = 0
    # The files of histories that did not pass. For each bad history, this is its reduced form.
    bad: list[Path] = field(default_factory=list)
    torn: int = 0
    undecided: list[Path] = field(default_factory=list)
    silent: list[Path] = field(default_factory=list)
    odd: dict[str, int] = field(default_factory=dict)


async def judge_all(stop: asyncio.Event, directory: Path, kept: Path) -> Judged:
    """Judges the histories that appear in the directory, until `stop` is set and the directory is empty. Removes the good ones."""
    # The load has priority.
    os.nice(10)
    judged = Judged()
    while True:
        is_over = stop.is_set()
        found = sorted(directory.glob("e*.json"), key=lambda path: int(path.stem[1:]))
        for path in found:
            judge_one(path, kept, judged)
            await asyncio.sleep(0)
        if not found:
            if is_over:
                return judged
            await asyncio.sleep(0.5)


def judge_one(path: Path, kept: Path, judged: Judged) -> None:
    history = History.load(path)
    judgement = judge(history)
    judged.records += len(history.records)
    judged.seconds += judgement.seconds
    judged.slowest = max(judged.slowest, judgement.seconds)
    judged.most_ways = max(judged.most_ways, judgement.ways)
    for what in judgement.odd:
        judged.odd[what] = judged.odd.get(what, 0) + 1
    if judgement.outcome is Outcome.LINEARIZABLE and not history.unanswered:
        judged.passed += 1
        path.unlink()
        return
    history.expected = "not linearizable"
    whole = kept / path.name
    if judgement.outcome is Outcome.UNDECIDED:
        judged.undecided.append(whole)
    elif judgement.is_bad:
        judged.torn += judgement.is_torn
        small = kept / f"{path.stem}-shrunk.json"
        shrink(history).save(small)
        judged.bad.append(small)
    else:
        judged.silent.append(whole)
    history.save(whole)
    path.unlink()
