"""Every error that citylake raises on purpose, each with the exit code that the command line documents.

A message says what the failure means and what to do; it never contains a person's name, number, phone or address.
"""

from typing import ClassVar


class CitylakeError(Exception):
    """Base of all expected errors. The command line prints it as one paragraph and leaves with ``exit_code``."""

    exit_code: ClassVar[int] = 1


class UsageError(CitylakeError):
    """The request itself cannot be carried out: an unknown dataset, release or delivery, a wrong date."""

    exit_code = 2


class ContractViolation(CitylakeError):
    """A delivery breaks its contract as a whole and is refused; the dataset's last good state stays in force."""

    exit_code = 3


class LockHeld(CitylakeError):
    """Another process is writing. Nothing was changed; try again when it has finished."""

    exit_code = 4


class AuditFailed(CitylakeError):
    """The run was computed but must not be published; readers keep the last release."""

    exit_code = 5


class PublicationHeld(CitylakeError):
    """A rollback holds publication until somebody resumes it. A night takes it as an outcome, not as a failure."""


class ErasurePending(CitylakeError):
    """A person is not erased from everywhere yet; the message says what is waited for, and the next night goes on."""

    exit_code = 6


class NoRelease(CitylakeError):
    """There is no release to read yet."""

    exit_code = 7


class SecretMismatch(CitylakeError):
    """The identity secret is missing, readable by others, or not the one the existing keys were made with."""

    exit_code = 8


class EnvironmentProblem(CitylakeError):
    """The machine is not fit to run: permissions, disk, versions or extensions. Ask citylake doctor which."""

    exit_code = 9
