# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Reads the objects of a pool with librados. A `rados` process for each of thousands of objects would take minutes."""

from __future__ import annotations

import ctypes
import struct
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_ubyte, c_uint64, c_void_p
from pathlib import Path

PAGE = 1024
ENOENT = 2


class Pool:
    """A namespace of a pool, read as client.admin. It writes nothing."""

    def __init__(self, conf: Path, pool: str, namespace: str = "") -> None:
        self.rados = library()
        self.cluster, self.context = c_void_p(), c_void_p()
        self.check("rados_create2", byref(self.cluster), b"ceph", b"client.admin", c_uint64(0))
        self.check("rados_conf_read_file", self.cluster, str(conf).encode())
        for option in (b"client_mount_timeout", b"rados_osd_op_timeout", b"rados_mon_op_timeout"):
            self.check("rados_conf_set", self.cluster, option, b"30")
        self.check("rados_connect", self.cluster)
        self.check("rados_ioctx_create", self.cluster, pool.encode(), byref(self.context))
        if namespace:
            self.rados.rados_ioctx_set_namespace(self.context, namespace.encode())
        self.id: int = self.rados.rados_ioctx_get_id(self.context)

    def close(self) -> None:
        self.rados.rados_ioctx_destroy(self.context)
        self.rados.rados_shutdown(self.cluster)

    def check(self, function: str, *arguments: object) -> int:
        result: int = getattr(self.rados, function)(*arguments)
        if result < 0:
            raise OSError(-result, function)
        return result

    def names(self) -> list[str]:
        cursor, entry, found = c_void_p(), c_char_p(), []
        self.check("rados_nobjects_list_open", self.context, byref(cursor))
        try:
            while (result := self.rados.rados_nobjects_list_next(cursor, byref(entry), None, None)) >= 0:
                found.append((entry.value or b"").decode(errors="replace"))
        finally:
            self.rados.rados_nobjects_list_close(cursor)
        if result != -ENOENT:
            raise OSError(-result, "rados_nobjects_list_next")
        return found

    def data(self, name: str, limit: int = 4096) -> bytes | None:
        """The first bytes of an object, or None if it does not exist."""
        buffer = ctypes.create_string_buffer(limit)
        result = self.rados.rados_read(self.context, name.encode(), buffer, c_size_t(limit), c_uint64(0))
        if result == -ENOENT:
            return None
        if result < 0:
            raise OSError(-result, f"rados_read {name}")
        return buffer.raw[:result]

    def omap(self, name: str) -> dict[str, bytes] | None:
        """An object's keys and values, or None if it does not exist."""
        found: dict[str, bytes] = {}
        last = b""
        while True:
            page = self.page(name, last)
            if page is None:
                return None
            values, is_over = page
            found.update(values)
            if is_over or not values:
                return found
            last = list(values)[-1].encode()

    def page(self, name: str, after: bytes) -> tuple[dict[str, bytes], bool] | None:
        operation = c_void_p(self.rados.rados_create_read_op())
        values, more, status = c_void_p(), c_ubyte(), c_int()
        try:
            self.rados.rados_read_op_omap_get_vals2(
                operation, after, b"", c_uint64(PAGE), byref(values), byref(more), byref(status))
            result = self.rados.rados_read_op_operate(operation, self.context, name.encode(), 0)
            if result == -ENOENT:
                return None
            if result < 0 or status.value < 0:
                raise OSError(-min(result, status.value), f"omap of {name}")
            found: dict[str, bytes] = {}
            key, value, key_length, value_length = c_void_p(), c_void_p(), c_size_t(), c_size_t()
            while True:
                self.rados.rados_omap_get_next2(values, byref(key), byref(value), byref(key_length), byref(value_length))
                if not key.value:
                    return found, not more.value
                text = ctypes.string_at(key.value, key_length.value).decode(errors="replace")
                found[text] = ctypes.string_at(value.value, value_length.value) if value.value and value_length.value else b""
        finally:
            if values.value:
                self.rados.rados_omap_get_end(values)
            self.rados.rados_release_read_op(operation)


def library() -> ctypes.CDLL:
    rados = ctypes.CDLL("librados.so.2")
    rados.rados_ioctx_get_id.restype = ctypes.c_int64
    rados.rados_create_read_op.restype = c_void_p
    rados.rados_release_read_op.argtypes = [c_void_p]
    rados.rados_ioctx_get_id.argtypes = rados.rados_ioctx_destroy.argtypes = rados.rados_shutdown.argtypes = [c_void_p]
    rados.rados_nobjects_list_next.argtypes = [c_void_p, POINTER(c_char_p), c_void_p, c_void_p]
    return rados


class Reader:
    """Decodes Ceph's encoding: little-endian numbers, strings with their length before them, and structures with a version."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, form: str) -> int:
        value: int = struct.unpack_from(f"<{form}", self.data, self.at)[0]
        self.at += struct.calcsize(f"<{form}")
        return value

    def text(self) -> str:
        length = self.take("I")
        begin, self.at = self.at, self.at + length
        if self.at > len(self.data):
            raise ValueError("a string is cut off")
        return self.data[begin:self.at].decode(errors="replace")

    def frame(self) -> tuple[int, Reader]:
        """Returns the version of the next structure, and a reader for that structure alone."""
        version, _, length = self.take("B"), self.take("B"), self.take("I")
        begin, self.at = self.at, self.at + length
        return version, Reader(self.data[begin:self.at])
