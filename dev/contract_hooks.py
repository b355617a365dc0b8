# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""What dev/contract changes in the requests that schemathesis makes up, so that one small cluster can take them all.

Only valid requests are changed, and they stay valid. An invalid one is sent as it is: it must be refused.
"""

import collections
import itertools
import re
import urllib.parse

import requests
import schemathesis
from schemathesis.generation import GenerationMode

# The pool that most images go to. Every other one may come and go.
KEPT_POOL = "rbd"
MOST_PLACEMENT_GROUPS = 8
MOST_OBJECTS = 4096
DEFAULT_OBJECT_SIZE = 4 << 20

SIZE_TEXT = re.compile(r"([0-9]+(?:\.[0-9]+)?) *([BKMGTPE]?)")
serial = itertools.count(1)

# How often each operation finds what it is about: after that, only where other operations have made it.
MOST_PREPARATIONS = 6
prepared = collections.Counter()


@schemathesis.hook
def before_call(context, case, kwargs):
    operation = case.operation.definition.raw.get("operationId")
    if operation == "deletePool":
        spare_kept_pool(case)
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if operation == "deletePool":
        confirm(case)
    if operation == "rollBackImage" and case.query and "confirm" in case.query:
        case.query["confirm"] = case.path_parameters.get("snapshot")
    if case.method == "DELETE" and case.query:
        # A DELETE that succeeds counts as a deletion: what a dry run leaves would be a failure.
        case.query.pop("dryRun", None)
    allow_time(case)
    prepare(case, operation)
    if not isinstance(case.body, dict):
        return
    if operation == "createPool":
        limit_placement_groups(case.body)
    if operation in ("createImage", "putImage"):
        limit_objects(case.body)
    if operation == "createImage":
        vary_name(case.body)


def spare_kept_pool(case):
    if KEPT_POOL == case.path_parameters.get("pool") == (case.query or {}).get("confirm"):
        case.query["confirm"] = "another"


def confirm(case):
    """Otherwise hardly any deletion would ever be confirmed."""
    pool = case.path_parameters.get("pool")
    if case.query and pool != KEPT_POOL:
        case.query["confirm"] = pool


def prepare(case, operation):
    """Snapshots and namespaces have to be there before anything can be done to them: random requests hardly ever meet one."""
    path = case.path_parameters or {}
    pool, image, snapshot, namespace = (path.get(name) for name in ("pool", "image", "snapshot", "namespace"))
    if pool != KEPT_POOL or not (namespace or "/images/{image}/" in case.operation.path):
        return
    if prepared[operation] >= MOST_PREPARATIONS:
        return
    prepared[operation] += 1
    if namespace:
        send(case, "POST", f"/v1/pools/{pool}/namespaces", {"name": namespace})
        return
    if case.query:
        case.query.pop("namespace", None)
    base = f"/v1/pools/{pool}/images/{quoted(image)}"
    send(case, "PUT", base, {"size": DEFAULT_OBJECT_SIZE})
    if snapshot:
        send(case, "POST", f"{base}/snapshots", {"name": snapshot})


def send(case, method, path, body):
    """What is refused, such as a name that is not valid, is no case of ours: the request itself is judged."""
    requests.request(method, case.operation.schema.get_base_url() + path, json=body, timeout=60)


def quoted(name):
    return urllib.parse.quote(str(name), safe="")


def allow_time(case):
    """A second is a valid time limit, but not enough for a new pool."""
    if case.headers and "Request-Timeout" in case.headers:
        case.headers["Request-Timeout"] = "60"


def limit_placement_groups(body):
    """Each group costs the OSD memory and time."""
    if isinstance(body.get("pgNum"), (int, float)):
        body["pgNum"] = min(body["pgNum"], MOST_PLACEMENT_GROUPS)


def limit_objects(body):
    """Without an object map, a deletion touches every object that the image might have."""
    object_size = size_of(body.get("objectSize")) or DEFAULT_OBJECT_SIZE
    stripe_unit = size_of(body.get("stripeUnit")) or object_size
    limit = MOST_OBJECTS * min(object_size, stripe_unit)
    if size_of(body.get("size")) > limit:
        body["size"] = limit


def size_of(value):
    if isinstance(value, str):
        match = SIZE_TEXT.match(value)
        return float(match[1]) * 1024 ** "BKMGTPE".index(match[2] or "B") if match else 0
    return value or 0


def vary_name(body):
    """The simplest name comes up again and again: every second time it becomes a new one, the other times it is taken."""
    number = next(serial)
    if number % 2 and isinstance(body.get("name"), str):
        body["name"] = f"{body['name'][:80]}-{number}"
