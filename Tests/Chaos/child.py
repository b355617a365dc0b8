# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Runs work in a process of its own, so that a load does not pause while the rehearsal runs `ceph`."""

from __future__ import annotations

import asyncio
import ctypes
import multiprocessing
import signal
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from multiprocessing.connection import Connection as Pipe
from typing import Any

fork = multiprocessing.get_context("fork")


def die_with_parent() -> None:
    """Asks the kernel to kill this process when its parent dies, for whatever reason (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Child:
    """Runs `work(stop, *arguments)` in another process until it returns. `stop` is an event that asks it to return."""

    def __init__(self, work: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
        self.pipe, theirs = fork.Pipe()
        self.process = fork.Process(target=run, args=(theirs, work, arguments), daemon=True)
        self.process.start()
        theirs.close()

    def finish(self, timeout: float = 60) -> Any:
        """Asks the work to end and returns its result."""
        try:
            self.pipe.send(None)
        except OSError:
            pass
        return self.result(timeout)

    def result(self, timeout: float) -> Any:
        """Waits for the work to end by itself."""
        try:
            if not self.pipe.poll(timeout):
                raise RuntimeError(f"the load generator did not end within {timeout} s")
            failure, value = self.pipe.recv()
        except EOFError:
            raise RuntimeError("the load generator died") from None
        finally:
            self.kill()
        if failure:
            raise RuntimeError(f"the load generator failed:\n{failure}")
        return value

    def ended(self) -> bool:
        return self.pipe.poll(0)

    def kill(self) -> None:
        self.process.join(0.2)
        self.process.kill()
        self.process.join()


def run(pipe: Pipe, work: Callable[..., Awaitable[Any]], arguments: tuple[Any, ...]) -> None:
    die_with_parent()
    # The parent handles Ctrl-C.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        outcome: tuple[str, Any] = ("", asyncio.run(supervise(pipe, work, arguments)))
    except BaseException:
        outcome = (traceback.format_exc(), None)
    pipe.send(outcome)


async def supervise(pipe: Pipe, work: Callable[..., Awaitable[Any]], arguments: tuple[Any, ...]) -> Any:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_reader(pipe.fileno(), stop.set)
    try:
        return await work(stop, *arguments)
    finally:
        asyncio.get_running_loop().remove_reader(pipe.fileno())


async def crowd(stop: asyncio.Event, clients: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Runs many clients until `stop` is set."""
    tasks = []
    for number, client in enumerate(clients):
        tasks.append(asyncio.create_task(client))
        if number % 20 == 0:
            # The clients start one after the other: the load is not the connecting, and the listen queue is finite.
            await asyncio.sleep(0.01)
    await stop.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
