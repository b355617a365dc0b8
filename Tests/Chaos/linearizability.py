# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Decides whether a history is linearizable: whether a service that executes one request at a time, at some moment between
the request and its answer, could have given these answers.

The search is that of Wing and Gong with two additions by Lowe (G. Lowe, Testing for linearizability, 2017). It does not search
a configuration again that it has seen: the state, and which of the operations in flight are done. And it places an operation
only when an answer can't be explained without it ("just-in-time linearization"). Three rules keep the search small:

- A read changes nothing, so it is placed as soon as its answer fits.
- An operation with an unknown outcome need not happen. If two ways lead to the same state, the search drops the one that used
  more of these operations or placed fewer reads.
- If two of these operations do the same, the search places the one that began first.

This module does not depend on the model: a step says what it does to a state, and a state is any hashable value.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

State = Hashable
# The states that a step may lead to, or none if it is impossible in this state. Only the model knows what a state consists of.
Effect = Callable[[Any], Iterable[State]]

# A larger frontier can't be searched in time.
MOST_WAYS = 1_000_000


class Kind(Enum):
    # The step leaves the state as it is, or is impossible in it.
    READ = "read"
    CHANGE = "change"
    # The step happens at one moment after its beginning, or never.
    MAYBE = "maybe"


class Outcome(Enum):
    LINEARIZABLE = "linearizable"
    NOT_LINEARIZABLE = "not linearizable"
    UNDECIDED = "undecided"


@dataclass(eq=False, slots=True)
class Step:
    """Something that happened according to a record. A record may have several steps, each at a moment of its own."""

    record: int
    text: str
    kind: Kind
    began: float
    ended: float
    effect: Effect
    # This step can't come before that one.
    after: Step | None = None
    # MAYBE steps with the same effect have the same twin.
    twin: Hashable = None
    # The numbers of the resulting states, by the number of the state.
    memory: dict[int, tuple[int, ...]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    outcome: Outcome
    # The step that no order explains, and the states that were possible before its answer.
    step: Step | None = None
    states: tuple[State, ...] = ()
    ways: int = 0


class TooMany(Exception):
    """The search takes too long."""


@dataclass(frozen=True, slots=True)
class Way:
    """One explanation of all answers so far: the state that it leads to, and which of the steps in flight are done."""

    state: int
    changes: int
    reads: int
    maybes: int


class Frontier:
    """A set of ways, without those that another way makes superfluous."""

    def __init__(self, ways: Iterable[Way] = ()) -> None:
        self.groups: dict[tuple[int, int], list[Way]] = {}
        self.size = 0
        for way in ways:
            self.add(way)

    def add(self, way: Way) -> bool:
        """Returns false if another way is as good."""
        group = self.groups.setdefault((way.state, way.changes), [])
        for other in group:
            if way.reads & ~other.reads == 0 and other.maybes & ~way.maybes == 0:
                return False
        before = len(group)
        group[:] = [other for other in group if other.reads & ~way.reads or way.maybes & ~other.maybes]
        group.append(way)
        self.size += len(group) - before
        if self.size > MOST_WAYS:
            raise TooMany
        return True

    def __iter__(self) -> Iterator[Way]:
        for group in self.groups.values():
            yield from group


class Search:
    def __init__(self, steps: list[Step], initial: State, seconds: float) -> None:
        self.deadline = time.monotonic() + seconds
        self.states: list[State] = []
        self.numbers: dict[State, int] = {}
        self.bits = {step: 1 << number for number, step in enumerate(steps)}
        # The steps that have begun and have not been answered.
        self.reads: list[Step] = []
        self.changes: list[Step] = []
        self.maybes: list[Step] = []
        self.begun: set[Step] = set()
        self.expanded = 0
        self.most = 1
        self.frontier = Frontier([Way(self.number(initial), 0, 0, 0)])
        self.steps = steps

    def number(self, state: State) -> int:
        number = self.numbers.setdefault(state, len(self.states))
        if number == len(self.states):
            self.states.append(state)
        return number

    def results(self, step: Step, state: int) -> tuple[int, ...]:
        found = step.memory.get(state)
        if found is None:
            found = tuple(self.number(result) for result in step.effect(self.states[state]))
            step.memory[state] = found
        return found

    def run(self) -> Verdict:
        # If one step ends at the moment when another begins, they may have overlapped.
        moments = sorted(
            [(step.began, 0, number) for number, step in enumerate(self.steps)]
            + [(step.ended, 1, number) for number, step in enumerate(self.steps) if step.ended != math.inf])
        for _, is_end, number in moments:
            step = self.steps[number]
            if not is_end:
                self.begin(step)
                continue
            before = self.frontier
            self.frontier = self.end(step)
            self.most = max(self.most, self.frontier.size)
            if not self.frontier.size:
                states = {way.state: None for way in before}
                return Verdict(Outcome.NOT_LINEARIZABLE, step, tuple(self.states[state] for state in states), self.most)
        return Verdict(Outcome.LINEARIZABLE, ways=self.most)

    def begin(self, step: Step) -> None:
        self.begun.add(step)
        if step.kind is Kind.READ:
            self.reads.append(step)
            bit = self.bits[step]
            self.frontier = Frontier(
                Way(way.state, way.changes, way.reads | bit, way.maybes) if self.results(step, way.state) else way
                for way in self.frontier)
        else:
            (self.changes if step.kind is Kind.CHANGE else self.maybes).append(step)

    def end(self, step: Step) -> Frontier:
        """Returns the ways in which the step is done, continued from all current ways."""
        bit = self.bits[step]
        is_read = step.kind is Kind.READ
        kept, seen = Frontier(), Frontier()
        todo: list[Way] = []
        for way in self.frontier:
            if (way.reads if is_read else way.changes) & bit:
                kept.add(way)
            else:
                todo.append(way)
        while todo:
            way = todo.pop()
            self.expanded += 1
            if self.expanded % 64 == 0 and time.monotonic() > self.deadline:
                raise TooMany
            for following in self.continued(way):
                if (following.reads if is_read else following.changes) & bit:
                    kept.add(following)
                elif seen.add(following):
                    todo.append(following)
        (self.reads if is_read else self.changes).remove(step)
        # From here on, the step is done in all ways, so its bit is not needed.
        return Frontier(
            Way(way.state, way.changes & ~bit, way.reads & ~bit, way.maybes) for way in kept)

    def continued(self, way: Way) -> Iterable[Way]:
        """Returns the ways that one further step leads to."""
        for step in self.changes:
            bit = self.bits[step]
            if way.changes & bit or (step.after is not None and not self.is_done(step.after, way)):
                continue
            for state in self.results(step, way.state):
                yield Way(state, way.changes | bit, self.read(way, state), way.maybes)
        twins: set[Hashable] = set()
        for step in self.maybes:
            bit = self.bits[step]
            if way.maybes & bit or (step.after is not None and not self.is_done(step.after, way)):
                continue
            if step.twin is not None:
                if step.twin in twins:
                    continue
                twins.add(step.twin)
            for state in self.results(step, way.state):
                # Drop a step that makes no difference.
                if state != way.state:
                    yield Way(state, way.changes, self.read(way, state), way.maybes | bit)

    def is_done(self, step: Step, way: Way) -> bool:
        if step.kind is Kind.MAYBE:
            return bool(way.maybes & self.bits[step])
        return step in self.begun and (step not in self.changes or bool(way.changes & self.bits[step]))

    def read(self, way: Way, state: int) -> int:
        done = way.reads
        for step in self.reads:
            bit = self.bits[step]
            if not done & bit and self.results(step, state):
                done |= bit
        return done


def check(steps: list[Step], initial: State, seconds: float = 10) -> Verdict:
    """Whether there is an order in which each step is possible, starting with this state."""
    search = Search(steps, initial, seconds)
    try:
        return search.run()
    except TooMany:
        return Verdict(Outcome.UNDECIDED, ways=search.most)
