"""What a user can cure: the job's FailureReason, or an invocation's 4xx."""

from __future__ import annotations


class CustomerError(Exception):
    """The message is for the user; AWS calls these ClientError."""


class UnsupportedContent(CustomerError):
    """A content type that the algorithm does not read, or an accept type that it does not write (HTTP 415)."""
