# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""A model of a service that executes one request at a time: names, images, snapshots, the trash.

Each function here makes an effect: it maps a state to the states that it may lead to, and to none if it is impossible in that
state. If a create was never answered, no client knows the id of its image. The id is a question mark until an answer shows an id
that no other create can have given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from linearizability import Effect


class Image(NamedTuple):
    id: str
    size: int
    # Whether layering is its only feature. Otherwise it has the default features.
    plain: bool
    snapshots: frozenset[str] = frozenset()


class Entry(NamedTuple):
    """An image in the trash."""

    image: Image
    name: str
    # The purges that have begun, by number, and whether each prevents a restore.
    purges: frozenset[tuple[int, bool]] = frozenset()


class State(NamedTuple):
    live: tuple[Image | None, ...]
    trash: frozenset[Entry] = frozenset()
    # The ids that were assigned to images whose create was not answered. No id is assigned twice.
    guessed: frozenset[str] = frozenset()


# The id of an image whose create was not answered. Entries of the trash that are otherwise equal have several question marks.
UNTOLD = "?"

Test = Callable[[Image], bool]


def always(_: Image) -> bool:
    return True


class Model:
    """Makes the effects of requests on these names."""

    def __init__(self, names: list[str], given: set[str], seen: set[str]) -> None:
        """`given` are the ids in the answers of creates, `seen` the ids in any answer."""
        self.places = {name: place for place, name in enumerate(names)}
        self.given = given
        self.loose = seen - given

    @property
    def initial(self) -> State:
        return State((None,) * len(self.places))

    def describe(self, state: State) -> str:
        names = [f"{name} = {describe(image)}" for name, image in zip(self.places, state.live) if image]
        trash = [f"{describe(entry.image)} of {entry.name}" + (" being purged" if entry.purges else "")
                 for entry in sorted(state.trash, key=lambda entry: entry.image.id)]
        return f"{', '.join(names) or 'no images'}; trash: {', '.join(trash) or 'empty'}"

    # Ids

    def is_certain(self, id: str | None) -> bool:
        """Whether a claim about this id can't assign it to an image whose id is unknown."""
        return id is None or id in self.given

    def named(self, state: State, image: Image, id: str | None) -> tuple[State, Image] | None:
        """The image with this id, which it may be assigned here. None if it has another id. If `id` is None, any id matches."""
        if id is None or image.id == id:
            return state, image
        if not image.id.startswith(UNTOLD) or id in self.given or id in state.guessed:
            return None
        return state._replace(guessed=state.guessed | {id}), image._replace(id=id)

    def live(self, state: State, name: str, id: str | None) -> tuple[State, Image] | None:
        image = state.live[self.places[name]]
        known = None if image is None else self.named(state, image, id)
        if known is None or known[1] is image:
            return known
        return self.placed(known[0], name, known[1]), known[1]

    def trashed(self, state: State, id: str, name: str | None = None) -> Iterable[tuple[State, Entry]]:
        """The entries that may have this id. An entry whose id is unknown may have it."""
        for entry in state.trash:
            if entry.image.id == id:
                return [(state, entry)]
        found = []
        for entry in state.trash:
            known = self.named(state, entry.image, id) if name in (None, entry.name) else None
            if known:
                told = entry._replace(image=known[1])
                found.append((known[0]._replace(trash=state.trash - {entry} | {told}), told))
        return found

    def with_entry(self, state: State, entry: Entry) -> State:
        """Adds an entry to the trash. If no answer shows its id, now or later, the entry makes no difference and is dropped."""
        if not entry.image.id.startswith(UNTOLD):
            return state._replace(trash=state.trash | {entry})
        if self.loose <= state.guessed:
            return state
        while entry in state.trash:
            entry = entry._replace(image=entry.image._replace(id=entry.image.id + UNTOLD))
        return state._replace(trash=state.trash | {entry})

    def placed(self, state: State, name: str, image: Image | None) -> State:
        place = self.places[name]
        return state._replace(live=(*state.live[:place], image, *state.live[place + 1:]))

    # Reads

    def is_free(self, name: str) -> Effect:
        place = self.places[name]
        return lambda state: (state,) if state.live[place] is None else ()

    def is_live(self, name: str, id: str | None = None, test: Test = always) -> Effect:
        def effect(state: State) -> Iterable[State]:
            known = self.live(state, name, id)
            return (known[0],) if known and test(known[1]) else ()
        return effect

    def is_in_trash(self, id: str, name: str | None) -> Effect:
        def effect(state: State) -> Iterable[State]:
            return [known for known, entry in self.trashed(state, id, name) if name in (None, entry.name)]
        return effect

    def is_not_in_trash(self, id: str) -> Effect:
        def effect(state: State) -> Iterable[State]:
            return (state,) if all(entry.image.id != id for entry in state.trash) else ()
        return effect

    def is_in_the_way(self, id: str) -> Effect:
        """The name of this entry of the trash is taken by another image."""
        def effect(state: State) -> Iterable[State]:
            return [known for known, entry in self.trashed(state, id) if known.live[self.places[entry.name]] is not None]
        return effect

    def has(self, id: str, test: Test) -> Effect:
        """The test holds for the image with this id, whether it is live or in the trash."""
        def effect(state: State) -> Iterable[State]:
            images = [*state.live, *(entry.image for entry in state.trash)]
            return (state,) if any(image and image.id == id and test(image) for image in images) else ()
        return effect

    # Changes

    def create(self, name: str, id: str, size: int, plain: bool) -> Effect:
        place = self.places[name]

        def effect(state: State) -> Iterable[State]:
            if state.live[place] is not None:
                return ()
            return (self.placed(state, name, Image(id, size, plain)),)
        return effect

    def move_to_trash(self, name: str, id: str | None, purge: tuple[int, bool] | None = None) -> Effect:
        def effect(state: State) -> Iterable[State]:
            known = self.live(state, name, id)
            if not known or known[1].snapshots:
                return ()
            state, image = known
            entry = Entry(image, name, frozenset() if purge is None else frozenset({purge}))
            return (self.with_entry(self.placed(state, name, None), entry),)
        return effect

    def begin_purge(self, id: str, purge: tuple[int, bool]) -> Effect:
        """Begins to purge an entry of the trash."""
        def effect(state: State) -> Iterable[State]:
            return [
                known._replace(trash=known.trash - {entry} | {entry._replace(purges=entry.purges | {purge})})
                for known, entry in self.trashed(state, id)]
        return effect

    def end_purge(self, purge: tuple[int, bool], id: str | None, may_be_gone: bool) -> Effect:
        """The image is gone, by this purge or, if `may_be_gone`, by another purge that began before it."""
        def effect(state: State) -> Iterable[State]:
            for entry in state.trash:
                if purge in entry.purges:
                    return (state._replace(trash=state.trash - {entry}),)
            is_gone = id is None or all(image is None or image.id != id for image in state.live)
            return (state,) if may_be_gone and is_gone else ()
        return effect

    def destroy(self, id: str) -> Effect:
        """An entry of the trash is gone."""
        def effect(state: State) -> Iterable[State]:
            return [known._replace(trash=known.trash - {entry}) for known, entry in self.trashed(state, id)]
        return effect

    def restore(self, id: str, to: str | None, told: str | None = None) -> Effect:
        """Restores an image to the name `to`, or to its old name. `told` is the name in the answer."""
        def effect(state: State) -> Iterable[State]:
            results = []
            for known, entry in self.trashed(state, id):
                target = to or entry.name
                if told not in (None, target):
                    continue
                is_free = target in self.places and known.live[self.places[target]] is None
                if is_free and not any(is_final for _, is_final in entry.purges):
                    results.append(self.placed(known, target, entry.image)._replace(trash=known.trash - {entry}))
            return results
        return effect

    def rename(self, name: str, to: str, id: str | None) -> Effect:
        def effect(state: State) -> Iterable[State]:
            known = self.live(state, name, id)
            if not known or state.live[self.places[to]] is not None:
                return ()
            return (self.placed(self.placed(known[0], name, None), to, known[1]),)
        return effect

    def change(self, name: str, id: str | None, change: Callable[[Image], Image | None]) -> Effect:
        """Changes the image itself. `change` returns None if the change is impossible."""
        def effect(state: State) -> Iterable[State]:
            known = self.live(state, name, id)
            changed = change(known[1]) if known else None
            return () if known is None or changed is None else (self.placed(known[0], name, changed),)
        return effect

    def grow(self, name: str, id: str | None, size: int) -> Effect:
        return self.change(name, id, lambda image: image._replace(size=size) if image.size <= size else None)

    def snapshot(self, name: str, snapshot: str) -> Effect:
        return self.change(name, None, lambda image: None if snapshot in image.snapshots
                           else image._replace(snapshots=image.snapshots | {snapshot}))

    def unsnapshot(self, name: str, snapshot: str) -> Effect:
        return self.change(name, None, lambda image: image._replace(snapshots=image.snapshots - {snapshot})
                           if snapshot in image.snapshots else None)


def describe(image: Image) -> str:
    snapshots = f" with {', '.join(sorted(image.snapshots))}" if image.snapshots else ""
    return f"{image.id} of {image.size}{snapshots}"


def impossible(_: object) -> Iterable[State]:
    """The effect of an answer that fits no request."""
    return ()
