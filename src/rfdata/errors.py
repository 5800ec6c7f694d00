"""The one error tree. Each class knows its exit code; the CLI is the only place that prints one."""

from __future__ import annotations


class RfdataError(Exception):
    """Something went wrong that a person can act on.

    `message` says what and where, `hint` what to do about it. Neither ever holds a secret.
    """

    exit_code = 4

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(RfdataError):
    """Bad usage or configuration; nothing was changed."""

    exit_code = 2


class StalePlan(UsageError):
    """The layer or its configuration changed after the plan was shown."""


class Unreachable(RfdataError):
    """A server, file or program could not be read or reached in time."""

    exit_code = 3


class NotPermitted(Unreachable):
    """The server answered, but does not let the user that we were given read this."""


class ChangeFailed(RfdataError):
    """A step failed half-way; the hint says how to go on."""

    exit_code = 4


class ProgramFailed(ChangeFailed):
    """A program that we ran ended with an error."""


class ProgramMissing(Unreachable):
    """A program that we need is not on this machine."""


class ProgramTimedOut(Unreachable):
    """A program did not end within its time limit."""
