"""DynamoDB: tables, indexes, each table of a batch, each item of a transaction."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mfakit.testing.demands import s3
from mfakit.testing.demands.model import NOTHING, Demand, json_body

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mfakit.testing.actions import Call
    from mfakit.testing.demands.model import Place
    from mfakit.testing.wire import Request

BATCHES = ("BatchGetItem", "BatchWriteItem")
# Actions that a transaction is made of, by what its items call them.
IN_TRANSACTIONS = {
    "Get": "dynamodb:GetItem",
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
}
ABOUT_NOTHING = ("DescribeEndpoints", "DescribeLimits")
ABOUT_ALL_TABLES = ("ListBackups", "ListTables", "ListStreams")
NAMED_WHOLE = ("ResourceArn", "BackupArn", "StreamArn", "TableArn", "ExportArn", "ImportArn")
# Where statements in PartiQL are; what they are called in policies depends on their first word.
PARTIQL = {
    "ExecuteStatement": None,
    "BatchExecuteStatement": "Statements",
    "ExecuteTransaction": "TransactStatements",
}
FIRST_WORD = re.compile(r"\s*(select|insert|update|delete)\b", re.IGNORECASE)
# This one names what it is about inside of a token.
UNTOLD = ("GetRecords",)


def demands(call: Call, request: Request, place: Place) -> tuple[Demand, ...]:
    """Return what DynamoDB asks for."""
    body = json_body(call, request)
    untold = (Demand(call.action, None),)
    if call.operation in BATCHES:
        return tuple(Demand(call.action, _table(n, place)) for n in _tables(body)) or untold
    if call.operation in ("TransactGetItems", "TransactWriteItems"):
        return tuple(_in_transaction(body, place)) or untold
    if call.operation in PARTIQL:
        inside = PARTIQL[call.operation]
        statements = body.get(inside) if inside else [body]
        given = statements if isinstance(statements, list) else [None]
        return tuple(map(_partiql, given)) or untold
    return (Demand(call.action, _resource(call, body, place)), *_upon_buckets(call, body, place))


def _resource(call: Call, body: Mapping[str, Any], place: Place) -> str | None:
    if call.operation in UNTOLD or call.operation.startswith("Restore"):
        return None
    if "TableName" in body:
        table, index = _table(str(body["TableName"]), place), body.get("IndexName")
        return f"{table}/index/{index}" if index else table
    for name in NAMED_WHOLE:
        if name in body:
            return str(body[name])
    if call.operation in ABOUT_ALL_TABLES:
        return _table("*", place)
    return NOTHING if call.operation in ABOUT_NOTHING else None


def _upon_buckets(call: Call, body: Mapping[str, Any], place: Place) -> tuple[Demand, ...]:
    """Return what it takes to write a table into a bucket, or to read it from there."""
    if call.operation == "ExportTableToPointInTime":
        bucket, prefix = body.get("S3Bucket", ""), body.get("S3Prefix") or ""
        return (s3.writing(place, str(bucket), f"{prefix}/AWSDynamoDB/".lstrip("/")),)
    if call.operation == "ImportTable":
        source = body.get("S3BucketSource")
        given = source if isinstance(source, dict) else {}
        key = given.get("S3KeyPrefix") or "*"
        return (s3.reading(place, str(given.get("S3Bucket", "")), str(key)),)
    return ()


def _tables(body: Mapping[str, Any]) -> list[str]:
    items = body.get("RequestItems")
    return list(items) if isinstance(items, dict) else []


def _partiql(item: Any) -> Demand:
    """Return what a statement asks for; one that cannot be told may do anything."""
    word = FIRST_WORD.match(str(item.get("Statement", ""))) if isinstance(item, dict) else None
    return Demand(f"dynamodb:PartiQL{word[1].capitalize()}" if word else None, None)


def _in_transaction(body: Mapping[str, Any], place: Place) -> Iterator[Demand]:
    items = body.get("TransactItems")
    parts = [p for i in items if isinstance(i, dict) for p in i.items()] if items else []
    for kind, part in parts:
        table = part.get("TableName") if isinstance(part, dict) else None
        if kind in IN_TRANSACTIONS and table:
            yield Demand(IN_TRANSACTIONS[kind], _table(str(table), place))


def _table(name: str, place: Place) -> str:
    return name if name.startswith("arn:") else place.arn("dynamodb", f"table/{name}")
