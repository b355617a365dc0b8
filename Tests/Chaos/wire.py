# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""A small HTTP/1.1 client on bare streams, with time measurement.

Python's own client adds threads, retries and connection pools. The tests must control every connection, byte and millisecond.
Times are those of time.perf_counter, which all processes of a machine share on Linux.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

Address = tuple[str, int]

CONNECTION_ERRORS = (ConnectionError, asyncio.IncompleteReadError, EOFError, OSError)


@dataclass(slots=True)
class Answer:
    """The answer to one request. Status 0 means no answer: the connection was lost, or nothing came in time."""

    method: str
    target: str
    status: int
    headers: dict[str, str]
    body: bytes
    began: float
    ended: float
    note: str = ""
    parsed: Any = field(default=None, repr=False)

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    @property
    def document(self) -> Any:
        """The body as JSON, or an empty mapping if it is not JSON."""
        if self.parsed is None:
            try:
                self.parsed = json.loads(self.body) if self.body else {}
            except ValueError:
                self.parsed = {}
        return self.parsed

    @property
    def code(self) -> str:
        """The problem's code, or empty if the answer is not a problem."""
        if self.status < 400 or not isinstance(self.document, dict):
            return ""
        return str(self.document.get("code", ""))

    @property
    def retry_after(self) -> float:
        try:
            return float(self.headers.get("retry-after", ""))
        except ValueError:
            return 0

    def __str__(self) -> str:
        what = f"{self.status} {self.code}".strip() if self.status else f"no answer ({self.note})"
        detail = self.document.get("detail", "") if isinstance(self.document, dict) else ""
        return f"{self.method} {self.target} -> {what} after {self.seconds:.3f} s" + (f": {detail}" if detail else "")


class Connection:
    """A connection that is kept alive, and opened again when the server has closed it."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    def close(self) -> None:
        if self.writer is not None:
            self.writer.transport.abort()
        self.reader = self.writer = None

    async def open(self) -> None:
        self.close()
        self.reader, self.writer = await asyncio.open_connection(*self.address)

    async def request(
        self, method: str, target: str, document: Any = None, timeout: float = 30, headers: str = ""
    ) -> Answer:
        """Sends a request and reads its answer. It never raises because of the server or the network."""
        payload = b"" if document is None else json.dumps(document).encode()
        head = f"{method} {target} HTTP/1.1\r\nHost: {self.address[0]}:{self.address[1]}\r\n{headers}"
        if document is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n"
        answer = Answer(method, target, 0, {}, b"", time.perf_counter(), 0)
        try:
            await asyncio.wait_for(self.exchange(answer, head.encode() + b"\r\n" + payload), timeout)
        except asyncio.TimeoutError:
            answer.status, answer.note = 0, f"nothing within {timeout} s"
            self.close()
        except (*CONNECTION_ERRORS, ValueError) as error:
            answer.status, answer.note = 0, f"{type(error).__name__}: {error}"
            self.close()
        answer.ended = time.perf_counter()
        return answer

    async def exchange(self, answer: Answer, request: bytes) -> None:
        if self.reader is None or self.reader.at_eof():
            await self.open()
        assert self.reader is not None and self.writer is not None
        self.writer.write(request)
        await self.writer.drain()
        await read_answer(self.reader, answer)
        if answer.headers.get("connection", "").lower() == "close":
            self.close()


async def read_answer(reader: asyncio.StreamReader, answer: Answer) -> None:
    """Reads one answer. An answer without a length ends with the connection."""
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        version, status = head[0].split(" ", 2)[:2]
        if not version.startswith("HTTP/1."):
            raise ValueError(f"not an HTTP/1 answer: {head[0]!r}")
        # 100 Continue comes before the answer.
        if int(status) >= 200:
            break
    answer.headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    if answer.method != "HEAD" and int(status) not in (204, 304):
        if "content-length" in answer.headers:
            answer.body = await reader.readexactly(int(answer.headers["content-length"]))
        elif answer.headers.get("transfer-encoding", "").lower() == "chunked":
            answer.body = await read_chunks(reader)
        else:
            answer.body = await reader.read()
    answer.status = int(status)


async def read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while True:
        length = int(await reader.readline(), 16)
        body += (await reader.readexactly(length + 2))[:length]
        if length == 0:
            return body


async def get(address: Address, target: str, timeout: float = 30) -> Answer:
    return await once(address, "GET", target, timeout=timeout)


async def once(address: Address, method: str, target: str, document: Any = None, timeout: float = 30) -> Answer:
    """Sends a request on a connection of its own."""
    connection = Connection(address)
    try:
        return await connection.request(method, target, document, timeout)
    finally:
        connection.close()


def images(pool: str) -> str:
    return f"/v1/pools/{pool}/images"


def image(pool: str, name: str) -> str:
    return f"/v1/pools/{pool}/images/{name}"
