# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""How dev/contract changes the requests that schemathesis generates, so that one small cluster can serve them all.

Only valid requests are changed, and they stay valid. An invalid one is sent as it is: it must be refused.
"""

import itertools
import re
from urllib.parse import unquote

import contract_fixtures
import schemathesis
from schemathesis.generation import GenerationMode

# The pool of most images. All other pools may be created and deleted.
KEPT_POOL = "rbd"
SPARE_POOL = "spare-1"
MOST_PLACEMENT_GROUPS = 8
MOST_OBJECTS = 4096
DEFAULT_OBJECT_SIZE = 4 << 20

SIZE_TEXT = re.compile(r"([0-9]+(?:\.[0-9]+)?) *([BKMGTPE]?)")
# Clients remove dots and the unprintable characters around them.
LOST_IN_PATHS = re.compile(r"[.\s\x00-\x1f\x7f]*")
ENDS_PATH_PART = re.compile(r"[/?#\x00-\x20\x7f]")
# A row of the table of problem codes in the contract.
PROBLEM_ROW = re.compile(r"\| `([a-z-]+)` \| ([0-9]+) \|")
serial = itertools.count(1)


@schemathesis.check
def problem_code_is_listed(context, response, case):
    """The contract has the codes in a table, not as an enumeration: newer services may have more of them."""
    if not response.headers.get("content-type", [""])[0].startswith("application/problem+json"):
        return
    table = case.operation.schema.raw_schema["components"]["schemas"]["ProblemCode"]["description"]
    code, status = response.json()["code"], str(response.status_code)
    listed = dict(PROBLEM_ROW.findall(table)).get(code)
    assert listed == status, f"{code} is answered with {status}; the contract says {listed}"


@schemathesis.hook
def filter_case(context, case):
    """Unknown headers are no reason to refuse a request: proxies add some."""
    return not any("unknown-property" in name.lower() for name in case.headers or {})


@schemathesis.hook
def before_call(context, case, kwargs):
    operation = case.operation.definition.raw.get("operationId")
    name_what_paths_can_hold(case)
    if operation == "deletePool":
        spare_kept_pool(case)
    if operation == "updatePool" and case.path_parameters.get("pool") == KEPT_POOL:
        case.path_parameters["pool"] = SPARE_POOL
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if operation == "deletePool":
        confirm(case)
    if operation in ("rollBackGroup", "rollBackImage") and case.query and "confirm" in case.query:
        case.query["confirm"] = case.path_parameters.get("snapshot")
    if case.method == "DELETE" and case.query:
        # A successful DELETE counts as a deletion: after a dry run, the remaining object would be a failure.
        case.query.pop("dryRun", None)
    allow_time(case)
    expect_any_state(case)
    contract_fixtures.prepare(operation, case)
    name_what_paths_can_hold(case)
    if not isinstance(case.body, dict):
        return
    if operation == "createPool":
        limit_placement_groups(case.body)
        keep_copies(case.body)
    if operation == "updatePool":
        limit_placement_groups(case.body)
        keep_serving(case.body)
    if operation in ("createImage", "putImage"):
        limit_objects(case.body)
    if operation == "createImage":
        vary_name(case.body)


def name_what_paths_can_hold(case):
    """Some texts can't be in a path: clients remove "." and "" from it, and so request another path."""
    for parameter, value in (case.path_parameters or {}).items():
        # The value comes escaped here, once or twice, and clients unescape it first. Values from links may not be
        # escaped.
        text = raw = str(value)
        while unquote(text) != text:
            text = unquote(text)
        if LOST_IN_PATHS.fullmatch(text) or ENDS_PATH_PART.search(raw):
            case.path_parameters[parameter] = "dots"


def spare_kept_pool(case):
    if KEPT_POOL == case.path_parameters.get("pool") == (case.query or {}).get("confirm"):
        case.query["confirm"] = "another"


def confirm(case):
    """Without this, hardly any deletion would be confirmed."""
    pool = case.path_parameters.get("pool")
    if case.query and pool != KEPT_POOL:
        case.query["confirm"] = pool


def expect_any_state(case):
    """Random entity tags never match an image."""
    if case.headers:
        case.headers.pop("If-None-Match", None)
        if "If-Match" in case.headers:
            case.headers["If-Match"] = "*"


def allow_time(case):
    """A second is a valid time limit, but not enough for a new pool."""
    if case.headers and "Request-Timeout" in case.headers:
        case.headers["Request-Timeout"] = "60"


def limit_placement_groups(body):
    """Each group costs the OSD memory and time."""
    if isinstance(body.get("pgNum"), (int, float)):
        body["pgNum"] = min(body["pgNum"], MOST_PLACEMENT_GROUPS)


def keep_copies(body):
    """Erasure-coded pools need BlueStore, and as many OSDs as they have chunks; the cluster has one, in memory."""
    for field in ("type", "erasureCodeProfile", "dataChunks", "codingChunks", "failureDomain"):
        body.pop(field, None)


def keep_serving(body):
    """One OSD can keep one copy, and a pool over its quota accepts no image."""
    for field in ("size", "minSize"):
        if isinstance(body.get(field), (int, float)):
            body[field] = 1
    if isinstance(body.get("quota"), dict):
        body["quota"] = {"maxBytes": "1TiB", "maxObjects": None}


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
    """The simplest name is generated often. Every second time it is replaced by a new one; otherwise it is taken."""
    number = next(serial)
    if number % 2 and isinstance(body.get("name"), str):
        body["name"] = f"{body['name'][:80]}-{number}"
