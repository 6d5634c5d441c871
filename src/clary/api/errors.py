"""Errors a service answers with, in the words of its model."""

from __future__ import annotations

from typing import Any


class ServiceError(Exception):
    """An error in AWS's form. `code` is the error's name as the service's model (or, for common errors, AWS's
    documentation) spells it; the model's HTTP status wins over `status`; `fields` are further members of the
    modelled error shape (ModelError's OriginalStatusCode)."""

    def __init__(self, code: str, message: str, status: int = 400, **fields: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields

    def __repr__(self) -> str:
        return f"ServiceError({self.code!r}, {self.message!r}, {self.status})"
