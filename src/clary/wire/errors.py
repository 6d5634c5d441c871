"""The errors that the codec raises and encodes."""

from __future__ import annotations

from typing import Any


class WireError(Exception):
    """An error in AWS's form.

    `code` is the error's name as the service's model spells it, or a common one (`ValidationException`,
    `SerializationException`); a modelled error's HTTP status wins over `status`. `fields` are further members
    of the error: those of its modelled shape, and for S3 any element of its `<Error>` (`Key`, `BucketName`).
    """

    def __init__(self, code: str, message: str, status: int = 400, **fields: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields

    def __repr__(self) -> str:
        return f"WireError({self.code!r}, {self.message!r}, {self.status})"


class Malformed(Exception):
    """A value that its shape's type cannot hold. Inside the codec only: `codec.decode` gives it the code that
    the protocol has for it. `member` is the name on the wire, where a reader knew it."""

    def __init__(self, message: str, value: object = None, member: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.value = value
        self.member = member
