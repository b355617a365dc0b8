# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Makes what some requests need before they can succeed: an image in the trash, a clone, an operation."""

import itertools
import json
import os
import urllib.request

POOL = "rbd"
serial = itertools.count(1)


def call(method, path, body=None):
    """Asks the service; what goes wrong here shows as an operation that never succeeded."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        os.environ["RBD_CONTRACT_URL"] + path, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
            return json.loads(text) if text else {}
    except urllib.error.HTTPError:
        return {}


def image(**properties):
    name = f"fixture-{next(serial)}"
    call("PUT", f"/v1/pools/{POOL}/images/{name}", {"size": "1MiB", **properties})
    return name


def trashed():
    """The id of an image in the trash."""
    return call("DELETE", f"/v1/pools/{POOL}/images/{image()}").get("id", "none")


def operation():
    """The id of an operation that has ended."""
    purge = call("DELETE", f"/v1/pools/{POOL}/images/{image()}?purge=true")
    return call("GET", f"/v1/operations/{purge.get('id', 'none')}?wait=20s").get("id", "none")


def long_operation():
    """The id of an operation that takes a while."""
    name = image(size="1TiB", features=["layering"])
    return call("DELETE", f"/v1/pools/{POOL}/images/{name}?purge=true").get("id", "none")


def prepare(name, case):
    """Lets a valid request find what it is about."""
    path, query = case.path_parameters, case.query
    if name in ("getTrashEntry", "purgeImage", "restoreImage"):
        in_default_namespace(path, query)
        path["id"] = trashed()
    if name == "purgeImage" and query is not None:
        query["force"] = "true"
    if name in ("getOperation", "watchOperation"):
        path["operation"] = operation()
    if name == "cancelOperation":
        path["operation"] = long_operation()
    if name in ("copyImage", "sparsifyImage", "rebuildObjectMap"):
        in_default_namespace(path, query)
        path["image"] = image()
    if name == "sparsifyImage" and query and "blockSize" in query:
        query["blockSize"] = "64KiB"
    if name == "copyImage" and isinstance(case.body, dict):
        copy_here(case.body)
    if name == "restoreImage" and isinstance(case.body, dict) and "name" in case.body:
        case.body["name"] = f"{case.body['name'][:80]}-{next(serial)}"


def in_default_namespace(path, query):
    path["pool"] = POOL
    if query and "namespace" in query:
        query["namespace"] = ""


def copy_here(body):
    body["name"] = f"{body.get('name', 'copy')[:80]}-{next(serial)}"
    for member in ("pool", "namespace", "snapshot"):
        body.pop(member, None)
