"""S3's metadata: buckets, objects and multipart uploads. Keys order by their UTF-8 bytes (SQLite's BINARY)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, exists, select, tuple_, update
from sqlalchemy.dialects.sqlite import insert

from clary.storage.ports import Bucket, Conflict, Exists, Missing, ObjectRecord, Part, Upload
from clary.storage.sql.schema import buckets, objects, parts, uploads
from clary.storage.sql.search import after_prefix
from clary.storage.sql.session import Row, Session, Statement, from_json, to_json

_add_bucket = Statement(
    insert(buckets)
    .values({column.name: bindparam(column.name) for column in buckets.columns})
    .on_conflict_do_nothing()
)
_find_bucket = Statement(select(buckets).where(buckets.c.name == bindparam("name")))
_update_bucket = Statement(
    update(buckets)
    .where(buckets.c.name == bindparam("name_"))
    .values({column: bindparam(column) for column in ("account", "region", "created", "document")})
)
_delete_bucket = Statement(delete(buckets).where(buckets.c.name == bindparam("name")))
_list_buckets = Statement(
    select(buckets).where(buckets.c.account == bindparam("account")).order_by(buckets.c.name)
)
_holds = Statement(
    select(1).where(
        exists().where(objects.c.bucket == bindparam("name"))
        | exists().where(uploads.c.bucket == bindparam("name"))
    )
)
_put = insert(objects).values({column.name: bindparam(column.name) for column in objects.columns})
_put_over = Statement(
    _put.on_conflict_do_update(
        index_elements=["bucket", "key"],
        set_={name: _put.excluded[name] for name in ("blob", "size", "etag", "modified", "document")},
    )
)
_at = (objects.c.bucket == bindparam("bucket"), objects.c.key == bindparam("key"))
_find = Statement(select(objects).where(*_at))
_delete = Statement(delete(objects).where(*_at))
_list_objects = Statement(
    select(objects)
    .where(
        objects.c.bucket == bindparam("bucket"),
        objects.c.key > bindparam("after"),
        objects.c.key >= bindparam("prefix"),
        objects.c.key < bindparam("end"),
    )
    .order_by(objects.c.key)
    .limit(bindparam("limit"))
)
_add_upload = Statement(
    insert(uploads).values({column.name: bindparam(column.name) for column in uploads.columns})
)
_find_upload = Statement(select(uploads).where(uploads.c.id == bindparam("id")))
_list_uploads = Statement(
    select(uploads)
    .where(
        uploads.c.bucket == bindparam("bucket"),
        tuple_(uploads.c.key, uploads.c.id) > tuple_(bindparam("after_key"), bindparam("after_id")),
        uploads.c.key >= bindparam("prefix"),
        uploads.c.key < bindparam("end"),
    )
    .order_by(uploads.c.key, uploads.c.id)
    .limit(bindparam("limit"))
)
_delete_upload = Statement(delete(uploads).where(uploads.c.id == bindparam("id")))
_put_part = insert(parts).values({column.name: bindparam(column.name) for column in parts.columns})
_put_part_over = Statement(
    _put_part.on_conflict_do_update(
        index_elements=["upload", "number"],
        set_={name: _put_part.excluded[name] for name in ("blob", "size", "etag", "modified", "document")},
    )
)
_PART = (parts.c.number, parts.c.blob, parts.c.size, parts.c.etag, parts.c.modified, parts.c.document)
_find_part = Statement(
    select(*_PART).where(parts.c.upload == bindparam("upload"), parts.c.number == bindparam("number"))
)
_list_parts = Statement(
    select(*_PART)
    .where(parts.c.upload == bindparam("upload"), parts.c.number > bindparam("after"))
    .order_by(parts.c.number)
    .limit(bindparam("limit"))
)
_in_use = Statement(
    select(1).where(
        exists().where(objects.c.blob == bindparam("blob"))
        | exists().where(parts.c.blob == bindparam("blob"))
    )
)


def _bucket(row: Row) -> Bucket:
    return Bucket(row[0], row[1], row[2], row[3], from_json(row[4]))


def _record(row: Row) -> ObjectRecord:
    return ObjectRecord(row[0], row[1], row[2], row[3], row[4], row[5], from_json(row[6]))


def _upload(row: Row) -> Upload:
    return Upload(row[0], row[1], row[2], row[3], from_json(row[4]))


def _part(row: Row) -> Part:
    return Part(row[0], row[1], row[2], row[3], row[4], from_json(row[5]))


class SqlObjects:
    def __init__(self, session: Session) -> None:
        self._session = session

    def create_bucket(self, bucket: Bucket) -> None:
        added = self._session.changed(
            _add_bucket, name=bucket.name, account=bucket.account, region=bucket.region,
            created=bucket.created, document=to_json(bucket.document),
        )  # fmt: skip
        if not added:
            raise Exists(bucket.name)

    def find_bucket(self, name: str) -> Bucket | None:
        row = self._session.one(_find_bucket, name=name)
        return None if row is None else _bucket(row)

    def update_bucket(self, bucket: Bucket) -> None:
        written = self._session.changed(
            _update_bucket, name_=bucket.name, account=bucket.account, region=bucket.region,
            created=bucket.created, document=to_json(bucket.document),
        )  # fmt: skip
        if not written:
            raise Missing(bucket.name)

    def delete_bucket(self, name: str) -> None:
        if self._session.one(_holds, name=name) is not None:
            raise Conflict(f"bucket {name} is not empty")
        if not self._session.changed(_delete_bucket, name=name):
            raise Missing(name)

    def list_buckets(self, account: str) -> Sequence[Bucket]:
        return [_bucket(row) for row in self._session.all(_list_buckets, account=account)]

    def put(self, record: ObjectRecord) -> ObjectRecord | None:
        before = self.find(record.bucket, record.key)
        self._session.run(
            _put_over, bucket=record.bucket, key=record.key, blob=record.blob, size=record.size,
            etag=record.etag, modified=record.modified, document=to_json(record.document),
        )  # fmt: skip
        return before

    def find(self, bucket: str, key: str) -> ObjectRecord | None:
        row = self._session.one(_find, bucket=bucket, key=key)
        return None if row is None else _record(row)

    def delete(self, bucket: str, key: str) -> ObjectRecord | None:
        before = self.find(bucket, key)
        if before is not None:
            self._session.run(_delete, bucket=bucket, key=key)
        return before

    def list(
        self, bucket: str, *, prefix: str = "", after: str = "", limit: int = 1000
    ) -> Sequence[ObjectRecord]:
        rows = self._session.all(
            _list_objects, bucket=bucket, prefix=prefix, end=after_prefix(prefix), after=after, limit=limit
        )
        return [_record(row) for row in rows]

    def create_upload(self, upload: Upload) -> None:
        self._session.run(
            _add_upload, id=upload.id, bucket=upload.bucket, key=upload.key, created=upload.created,
            document=to_json(upload.document),
        )  # fmt: skip

    def find_upload(self, id: str) -> Upload | None:
        row = self._session.one(_find_upload, id=id)
        return None if row is None else _upload(row)

    def list_uploads(
        self, bucket: str, *, prefix: str = "", after: tuple[str, str] = ("", ""), limit: int = 1000
    ) -> Sequence[Upload]:
        rows = self._session.all(
            _list_uploads, bucket=bucket, prefix=prefix, end=after_prefix(prefix), after_key=after[0],
            after_id=after[1], limit=limit,
        )  # fmt: skip
        return [_upload(row) for row in rows]

    def delete_upload(self, id: str) -> Sequence[Part]:
        found = self.list_parts(id, limit=-1)
        self._session.run(_delete_upload, id=id)
        return found

    def put_part(self, upload: str, part: Part) -> Part | None:
        row = self._session.one(_find_part, upload=upload, number=part.number)
        if row is None and self.find_upload(upload) is None:
            raise Missing(upload)
        self._session.run(
            _put_part_over, upload=upload, number=part.number, blob=part.blob, size=part.size,
            etag=part.etag, modified=part.modified, document=to_json(part.document),
        )  # fmt: skip
        return None if row is None else _part(row)

    def list_parts(self, upload: str, *, after: int = 0, limit: int = 10_000) -> Sequence[Part]:
        return [_part(row) for row in self._session.all(_list_parts, upload=upload, after=after, limit=limit)]

    def blob_in_use(self, blob: str) -> bool:
        return self._session.one(_in_use, blob=blob) is not None
