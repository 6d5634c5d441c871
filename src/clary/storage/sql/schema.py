"""The tables, none of them particular to a resource type.

`resources.id` and `metric_summaries.id` are compact integers that the big tables refer to. Properties
are named by `property_names.id`, which stands for a name within one scope (account, region, kind), so
that one index, (name, number, text, resource), serves every filter and every sort order.

Values that compare carry no NULLs: a text that is no number has the number -infinity, a number has the
empty text (see `clary.domain.properties`). Steps and points that hold NaN are encoded as `metrics` says.
"""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text, text

metadata = MetaData()

schema_version = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("applied", Float, nullable=False),
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

scopes = Table(
    "scopes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Index("scopes_key", "account", "region", "kind", unique=True),
)

resources = Table(
    "resources",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("arn", Text, nullable=False, unique=True),
    Column("scope", Integer, ForeignKey("scopes.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("status", Text),
    Column("target", Text),
    Column("parent", Text),
    Column("created", Float, nullable=False),
    Column("modified", Float, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("spec", Text, nullable=False),
    Column("state", Text, nullable=False),
    Index("resources_created", "scope", "created"),
    Index("resources_modified", "scope", "modified"),
    Index("resources_name", "scope", "name"),
    Index("resources_status", "scope", "status"),
    Index("resources_parent", "parent", sqlite_where=text("parent IS NOT NULL")),
    sqlite_autoincrement=True,
)

tags = Table(
    "tags",
    metadata,
    Column("arn", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)

edges = Table(
    "edges",
    metadata,
    Column("source", Text, primary_key=True),
    Column("destination", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("created", Float, nullable=False),
    Column("document", Text, nullable=False),
    Column("source_type", Text),
    Column("destination_type", Text),
    Index("edges_source", "source", "created"),
    Index("edges_destination", "destination", "created"),
    Index("edges_created", "created"),
    Index("edges_source_type", "source_type", "created", sqlite_where=text("source_type IS NOT NULL")),
    Index(
        "edges_destination_type",
        "destination_type",
        "created",
        sqlite_where=text("destination_type IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)

property_names = Table(
    "property_names",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("scope", Integer, ForeignKey("scopes.id"), nullable=False),
    Column("name", Text, nullable=False),
    Index("property_names_key", "scope", "name", unique=True),
)

properties = Table(
    "properties",
    metadata,
    Column("resource", Integer, primary_key=True),
    Column("name", Integer, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("element", Integer, nullable=False),
    Column("number", Float, nullable=False),
    Column("text", Text, nullable=False),
    Index("properties_value", "name", "number", "text", "resource", "position"),
    sqlite_with_rowid=False,
)

metric_summaries = Table(
    "metric_summaries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("resource", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("total", Float),
    Column("rest", Float),
    Column("mean", Float),
    Column("squares", Float),
    Column("minimum", Float),
    Column("maximum", Float),
    Column("last", Float),
    Column("time", Float, nullable=False),
    Column("step", Integer, nullable=False),
    Column("arrival", Integer, nullable=False),
    Column("stale", Integer, nullable=False),
    Index("metric_summaries_key", "resource", "name", unique=True),
    Index("metric_summaries_stale", "id", sqlite_where=text("stale = 1")),
    sqlite_autoincrement=True,
)

metric_points = Table(
    "metric_points",
    metadata,
    Column("series", Integer, primary_key=True),
    Column("time", Float, primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("value", Float, primary_key=True),
    Column("arrival", Integer, nullable=False),
    sqlite_with_rowid=False,
)

metric_blocks = Table(
    "metric_blocks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("series", Integer, nullable=False),
    Column("time", Float, nullable=False),
    Column("step", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Index("metric_blocks_key", "series", "time", "step", unique=True),
)

log_streams = Table(
    "log_streams",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("group", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("first_time", Float),
    Column("last_time", Float),
    Column("last_ingested", Float),
    Column("lines", Integer, nullable=False),
    Column("offset", Integer, nullable=False),
    Index("log_streams_key", "group", "name", unique=True),
    sqlite_autoincrement=True,
)

log_events = Table(
    "log_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("stream", Integer, nullable=False),
    Column("time", Float, nullable=False),
    Column("ingested", Float, nullable=False),
    Column("text", Text, nullable=False),
    Index("log_events_stream", "stream"),
    sqlite_autoincrement=True,
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("arn", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("due", Float, nullable=False),
    Index("outbox_key", "arn", "generation", "name", unique=True),
    Index("outbox_due", "due"),
    sqlite_autoincrement=True,
)

leases = Table(
    "leases",
    metadata,
    Column("key", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("expires", Float, nullable=False),
    sqlite_with_rowid=False,
)

access_keys = Table(
    "access_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("secret", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("principal", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("token", Text),
    Column("expires", Float),
    Column("active", Integer, nullable=False),
    Index("access_keys_principal", "principal"),
    Index("access_keys_expires", "expires", sqlite_where=text("expires IS NOT NULL")),
    sqlite_with_rowid=False,
)

buckets = Table(
    "buckets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("document", Text, nullable=False),
    Index("buckets_account", "account"),
    sqlite_with_rowid=False,
)

objects = Table(
    "objects",
    metadata,
    Column("bucket", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("blob", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("etag", Text, nullable=False),
    Column("modified", Float, nullable=False),
    Column("document", Text, nullable=False),
    Index("objects_blob", "blob"),
    sqlite_with_rowid=False,
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", Text, primary_key=True),
    Column("bucket", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("document", Text, nullable=False),
    Index("uploads_key", "bucket", "key", "id"),
    sqlite_with_rowid=False,
)

parts = Table(
    "parts",
    metadata,
    Column("upload", Text, ForeignKey("uploads.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("blob", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("etag", Text, nullable=False),
    Column("modified", Float, nullable=False),
    Column("document", Text, nullable=False),
    Index("parts_blob", "blob"),
    sqlite_with_rowid=False,
)

trash = Table(
    "trash",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("time", Float, nullable=False),
    Column("document", Text, nullable=False),
    Index("trash_time", "time"),
)
