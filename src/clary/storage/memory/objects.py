"""S3's metadata: buckets, objects and multipart uploads."""

from __future__ import annotations

from collections.abc import Sequence

from clary.storage.memory.state import Area, fresh
from clary.storage.ports import Bucket, Conflict, Exists, Missing, ObjectRecord, Part, Upload


class MemoryObjects(Area):
    def create_bucket(self, bucket: Bucket) -> None:
        if bucket.name in self._draft.buckets:
            raise Exists(bucket.name)
        self._draft.buckets[bucket.name] = fresh(bucket)

    def find_bucket(self, name: str) -> Bucket | None:
        return fresh(self._state.buckets.get(name))

    def update_bucket(self, bucket: Bucket) -> None:
        if bucket.name not in self._draft.buckets:
            raise Missing(bucket.name)
        self._draft.buckets[bucket.name] = fresh(bucket)

    def delete_bucket(self, name: str) -> None:
        uploads = (upload.bucket for upload in self._draft.uploads.values())
        if name in uploads or any(bucket == name for bucket, _ in self._draft.objects):
            raise Conflict(f"bucket {name} is not empty")
        if name not in self._draft.buckets:
            raise Missing(name)
        del self._draft.buckets[name]

    def list_buckets(self, account: str) -> Sequence[Bucket]:
        found = [bucket for bucket in self._state.buckets.values() if bucket.account == account]
        return fresh(sorted(found, key=lambda bucket: bucket.name))

    def put(self, record: ObjectRecord) -> ObjectRecord | None:
        before = self._draft.objects.get((record.bucket, record.key))
        self._draft.objects[record.bucket, record.key] = fresh(record)
        return before

    def find(self, bucket: str, key: str) -> ObjectRecord | None:
        return fresh(self._state.objects.get((bucket, key)))

    def delete(self, bucket: str, key: str) -> ObjectRecord | None:
        return self._draft.objects.pop((bucket, key), None)

    def list(
        self, bucket: str, *, prefix: str = "", after: str = "", limit: int = 1000
    ) -> Sequence[ObjectRecord]:
        keys = sorted(
            key for of, key in self._state.objects if of == bucket and key.startswith(prefix) and key > after
        )
        return [fresh(self._state.objects[bucket, key]) for key in keys[:limit]]

    def create_upload(self, upload: Upload) -> None:
        self._draft.uploads[upload.id] = fresh(upload)

    def find_upload(self, id: str) -> Upload | None:
        return fresh(self._state.uploads.get(id))

    def list_uploads(
        self, bucket: str, *, prefix: str = "", after: tuple[str, str] = ("", ""), limit: int = 1000
    ) -> Sequence[Upload]:
        found = [
            upload
            for upload in self._state.uploads.values()
            if upload.bucket == bucket and upload.key.startswith(prefix) and (upload.key, upload.id) > after
        ]
        return fresh(sorted(found, key=lambda upload: (upload.key, upload.id))[:limit])

    def delete_upload(self, id: str) -> Sequence[Part]:
        gone = self.list_parts(id)
        self._draft.uploads.pop(id, None)
        self._draft.parts = {key: part for key, part in self._draft.parts.items() if key[0] != id}
        return gone

    def put_part(self, upload: str, part: Part) -> Part | None:
        if upload not in self._draft.uploads:
            raise Missing(upload)
        before = self._draft.parts.get((upload, part.number))
        self._draft.parts[upload, part.number] = fresh(part)
        return before

    def list_parts(self, upload: str, *, after: int = 0, limit: int = 10_000) -> Sequence[Part]:
        found = [part for (of, number), part in self._state.parts.items() if of == upload and number > after]
        return fresh(sorted(found, key=lambda part: part.number)[:limit])

    def blob_in_use(self, blob: str) -> bool:
        blobs = {record.blob for record in self._state.objects.values()}
        return blob in blobs or any(part.blob == blob for part in self._state.parts.values())
