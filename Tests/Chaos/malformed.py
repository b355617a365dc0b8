# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Requests that are not valid HTTP, generated from a seed.

Smuggling requests hide a request that deletes a canary or makes an image. Only a server that gets the end of a message wrong
finds it. By RFC 9112, a server may refuse the whole, or read the hidden part as the body, but must never execute it. Two
well-formed requests on one connection would be pipelining, which is allowed, so none of these requests is that.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Malformed:
    """A malformed request: the bytes to send, in parts."""

    family: str
    parts: tuple[bytes, ...]
    smuggles: bool = False
    # How long to wait for an answer, in seconds. A request that is cut short gets none.
    patience: float = 0.25

    def __str__(self) -> str:
        text = b"".join(self.parts)
        return f"[{self.family}] {text[:300]!r}" + (f"… ({len(text)} bytes)" if len(text) > 300 else "")


class Generator:
    """All random choices come from one seed, so a run can be repeated."""

    def __init__(self, seed: int, pool: str, canaries: list[str]) -> None:
        self.random = random.Random(seed)
        self.pool = pool
        self.canaries = canaries
        self.serial = 0
        self.families: list[Callable[[], Malformed]] = [
            self.noise, self.request_line, self.other_protocol, self.header, self.header_flood, self.long_line,
            self.cut_short, self.length, self.chunk, self.target,
            # Smuggling is twice as frequent, because it does the most harm.
            self.unread_body, self.two_framings, self.bad_length, self.bad_encoding, self.bad_chunk,
            self.unread_body, self.two_framings, self.bad_length, self.bad_encoding, self.bad_chunk,
        ]

    def next(self) -> Malformed:
        return self.random.choice(self.families)()

    # Pieces

    def bytes(self, least: int, most: int) -> bytes:
        return self.random.randbytes(self.random.randint(least, most))

    def hidden(self) -> bytes:
        """Returns the hidden request, which must not be executed."""
        self.serial += 1
        if self.random.random() < 0.6:
            target = f"/v1/pools/{self.pool}/images/{self.random.choice(self.canaries)}"
            return f"DELETE {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        body = b'{"size":1048576}'
        head = f"PUT /v1/pools/{self.pool}/images/smuggled-{self.serial} HTTP/1.1\r\nHost: x\r\n"
        return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    def carrier(self, *headers: str) -> bytes:
        """Returns the head of the request that hides another one."""
        line = self.random.choice([
            "GET /livez", "GET /readyz", "HEAD /livez", "GET /no/such/path", "POST /livez", "DELETE /v1/pools",
            f"GET /v1/pools/{self.pool}/images", "OPTIONS /livez", "GET /openapi.yaml", "PATCH /v1/pools",
            f"POST /v1/pools/{self.pool}/images", f"PUT /v1/pools/{self.pool}/images/..", "BREW /livez", "GET /v1//pools",
        ])
        kind = self.random.choice(["", "Content-Type: application/json\r\n", "Content-Type: text/plain\r\n"])
        lines = "".join(f"{header}\r\n" for header in headers)
        return f"{line} HTTP/1.1\r\nHost: x\r\n{kind}{lines}\r\n".encode("latin-1")

    def smuggle(self, family: str, *parts: bytes) -> Malformed:
        message = b"".join(parts)
        if self.random.random() < 0.3:
            cut = self.random.randint(1, len(message) - 1)
            return Malformed(family, (message[:cut], message[cut:]), smuggles=True)
        return Malformed(family, (message,), smuggles=True)

    # Bytes that are not requests

    def noise(self) -> Malformed:
        return Malformed("noise", (self.bytes(1, 400) + b"\r\n\r\n",))

    def request_line(self) -> Malformed:
        line = self.random.choice([
            b"", b" ", b"GET", b"GET /livez", b"GET  /livez HTTP/1.1", b"GET /livez HTTP/1.1 more", b"GET /livez HTTP/9.9",
            b"GET /livez HTTP/1", b"GET /livez http/1.1", b"G\x00T /livez HTTP/1.1", b"GET /li\x00vez HTTP/1.1", b"/livez",
            b"GET\t/livez\tHTTP/1.1", b"GET /livez HTTP/1.1\rX", b"get /livez HTTP/1.1", b"\x80\x81 / HTTP/1.1",
            b"GET /livez HTTP/-1.1", b"GET /livez HTTP/1.99999999999999999999", b"A" * self.random.randint(30, 3000) + b" / HTTP/1.1",
        ])
        return Malformed("request line", (line + b"\r\nHost: x\r\n\r\n",))

    def other_protocol(self) -> Malformed:
        return Malformed("other protocol", (self.random.choice([
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + self.bytes(100, 500), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"SSH-2.0-OpenSSH_9.2\r\n", b"*1\r\n$4\r\nPING\r\n", b"EHLO x\r\nMAIL FROM:<a@b>\r\n", b"ceph v2\n\x10\x00",
            b"GET ws://x/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n" + self.bytes(10, 50),
        ]),))

    def header(self) -> Malformed:
        line = self.random.choice([
            b"no colon here", b": empty name", b"X Y: space in name", b"X: a\x00b", b"X: a\rb", b" folded: first", b"X\x01: y",
            b"X: " + self.bytes(1, 200).replace(b"\n", b""), b"Host: y", b"Host:", b"Connection: close, keep-alive, " + b"x," * 500,
            b"Expect: nothing", b"Request-Timeout: -1", b"Request-Timeout: " + b"9" * 400, b"Accept: " + b"*/*," * 2000,
            b"X-Request-Id: a\x0bb", b"Range: bytes=0-" + b"1," * 800, b"Trailer: Content-Length", b"Upgrade: h2c",
        ])
        return Malformed("header", (b"GET /livez HTTP/1.1\r\nHost: x\r\n" + line + b"\r\n\r\n",))

    def header_flood(self) -> Malformed:
        number, size = self.random.choice([(101, 5), (5000, 5), (100, 1000), (20000, 1)])
        lines = b"".join(b"X-%d: %s\r\n" % (index, b"a" * size) for index in range(number))
        return Malformed("header flood", (b"GET /livez HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n",))

    def long_line(self) -> Malformed:
        size = self.random.choice([8_000, 17_000, 70_000, 1_000_000])
        return Malformed("long line", (self.random.choice([
            b"GET /" + b"a" * size + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /livez HTTP/1.1\r\nX: " + b"a" * size + b"\r\n\r\n",
            b"GET /livez HTTP/1.1\r\n" + b"a" * size + b": x\r\n\r\n", b"A" * size, b"\r\n" * (size // 2),
        ]),))

    def cut_short(self) -> Malformed:
        whole = self.carrier("Content-Length: 50") + b"{" * 40
        return Malformed("cut short", (whole[:self.random.randint(1, len(whole))],), patience=0.02)

    def target(self) -> Malformed:
        target = self.random.choice([
            "*", "livez", "//", "/../../etc/passwd", "/%", "/%zz", "/%00", "/livez#x", "/livez?%", "http://", "/v1/pools/%2F",
            "/v1/pools/%c3%28/images", "/v1/pools/" + "%41" * 3000, "/v1/pools/rbd/images?limit=" + "9" * 40, "/\x7f", "/é",
            "/v1/pools/rbd/images?cursor=%ff%fe", "/v1/pools/rbd/images?prefix=%00", "/v1/pools/../pools", "?", "/v1/pools/.",
        ])
        return Malformed("target", (f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode("latin-1"),), patience=1)

    # Malformed bodies

    def length(self) -> Malformed:
        value = self.random.choice(["-1", "+5", "0x10", "1e3", "", " ", "5 5", "5,6", "five", "9" * 30, str(1 << 63), str((1 << 64) + 2), "٣"])
        head = f"POST /v1/pools/{self.pool}/images HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        return Malformed("length", (head.encode() + f"Content-Length: {value}\r\n\r\n".encode() + b"{}" * 5,), patience=0.1)

    def chunk(self) -> Malformed:
        line = self.random.choice([b"zz", b"-5", b"5;" + b"a" * 20000, b"F" * 17, b"", b"0x5", b"5 5", b"\x00", b"5\r", b"ffffffffffffffff"])
        return Malformed("chunk", (self.carrier("Transfer-Encoding: chunked") + line + b"\r\nhello\r\n0\r\n\r\n",), patience=0.1)

    # Smuggling

    def unread_body(self) -> Malformed:
        """Hides the request in a body that the handler does not read, or that belongs to a refused request."""
        hidden = self.hidden()
        choice = self.random.random()
        if choice < 0.6:
            return self.smuggle("unread body", self.carrier(f"Content-Length: {len(hidden)}"), hidden)
        if choice < 0.8:
            chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(hidden), hidden)
            return self.smuggle("unread chunks", self.carrier("Transfer-Encoding: chunked"), chunked)
        if choice < 0.9:
            return self.smuggle("unexpected body", self.carrier("Expect: 100-continue", f"Content-Length: {len(hidden)}"), hidden)
        padding = b" " * self.random.choice([65_536 - len(hidden), 65_537, 200_000])
        return self.smuggle("body too large", self.carrier(f"Content-Length: {len(padding + hidden)}"), padding, hidden)

    def two_framings(self) -> Malformed:
        """Sends both a Content-Length and chunks. The server must not use such a connection any more."""
        hidden = self.hidden()
        body = b"0\r\n\r\n" + hidden
        headers = [f"Content-Length: {len(body)}", "Transfer-Encoding: chunked"]
        self.random.shuffle(headers)
        return self.smuggle("two framings", self.carrier(*headers), body)

    def bad_length(self) -> Malformed:
        """Sends lengths that contradict each other, or that servers read differently."""
        hidden = self.hidden()
        size = len(hidden)
        headers = self.random.choice([
            ["Content-Length: 0", f"Content-Length: {size}"], [f"Content-Length: {size}", "Content-Length: 0"],
            [f"Content-Length: 0, {size}"], [f"Content-Length: {(1 << 64)}"], [f"Content-Length: {(1 << 32)}"], ["Content-Length: -0"],
            ["Content-Length: 0x0"], ["Content-Length: 0;x"], ["Content-Length: +0"], ["Content-Length: 0 0"], ["Content-Length: "],
            [f"Content-Length : {size}"], [f"Content-Length\t: {size}"], [f"Content-Length: \x0b{size}"], [f"Content-Length: {size}\x00"],
        ])
        return self.smuggle("bad length", self.carrier(*headers), hidden)

    def bad_encoding(self) -> Malformed:
        """Sends transfer encodings that only some servers read as chunked. The Content-Length covers the whole body."""
        body = b"0\r\n\r\n" + self.hidden()
        encoding = self.random.choice([
            "Transfer-Encoding: xchunked", "Transfer-Encoding : chunked", "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding: identity, chunked", "Transfer-Encoding: chunked\r\nTransfer-Encoding: x", "Transfer-Encoding:\x0bchunked",
            "Transfer-Encoding: \"chunked\"", "Transfer-Encoding: chunked;q=1", "Transfer-Encoding:\r\n chunked", "X: y\r\n Transfer-Encoding: chunked",
            "Transfer-Encoding: chunked\x00", "Transfer_Encoding: chunked", "Transfer-Encoding\t: chunked", "Transfer-Encoding: CHUNKED",
        ])
        return self.smuggle("bad encoding", self.carrier(encoding, f"Content-Length: {len(body)}"), body)

    def bad_chunk(self) -> Malformed:
        """Sends chunk sizes that overflow, and chunks that do not end where their size says."""
        hidden = self.hidden()
        start = self.random.choice([
            b"10000000000000000\r\n\r\n", b"-1\r\n\r\n", b"0x0\r\n\r\n", b"0 0\r\n\r\n", b"\r\n\r\n", b"g\r\n\r\n", b"ffffffffffffffff\r\n\r\n",
            b"5\r\nhello0\r\n\r\n", b"3\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\r\n;0\r\n\r\n", b"100000000\r\n\r\n", b"\x000\r\n\r\n",
        ])
        return self.smuggle("bad chunk", self.carrier("Transfer-Encoding: chunked"), start, hidden)


def generate(seed: int, number: int, pool: str, canaries: list[str]) -> list[Malformed]:
    generator = Generator(seed, pool, canaries)
    return [generator.next() for _ in range(number)]
