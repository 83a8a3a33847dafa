"""What can go wrong on the web side, as types: each has a status, a stable code, and a sentence.

    ArenaError
    ├── NotFound 404          ├── Forbidden 403 ── ScopeMissing, CsrfFailed, AdminOnly, NotRevealed
    ├── NotLoggedIn 401       ├── Conflict 409 ─── NameTaken, LastAdmin, ChallengeClosed, NotReady, NotStarted
    ├── Invalid 422           ├── TooLarge 413     └── NotRegradable, IdempotencyMismatch
    ├── UnsupportedType 415   ├── EmptyUpload 422
    └── TooMany 429 ───────── QuotaUsed, RateLimited

The API answers them as `application/problem+json`, the pages as a page; both in the reader's language.
"""

from __future__ import annotations

from typing import ClassVar


class ArenaError(Exception):
    """Root of the errors a person can cause. `sentence` is a gettext message id with named places."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"
    sentence: ClassVar[str] = "The request cannot be understood."

    def __init__(self, **facts: str | float) -> None:
        self.facts = facts
        super().__init__(self.sentence.format_map(facts))


class NotFound(ArenaError):
    """Nothing of that name exists, or it is not yours to see."""

    status = 404
    code = "not_found"
    sentence = "There is no {what} here."


class NotLoggedIn(ArenaError):
    """No session, no token, or one that no longer holds."""

    status = 401
    code = "not_logged_in"
    sentence = "Log in, or send a valid API token."


class WrongPassword(NotLoggedIn):
    """The name or the password is wrong; which of them is not said."""

    code = "wrong_password"
    sentence = "The name or the password is wrong."


class TokenInvalid(NotLoggedIn):
    """The API token is unknown, expired or revoked."""

    code = "token_invalid"
    sentence = "The API token is unknown, expired or revoked. Make a new one under Settings."


class Forbidden(ArenaError):
    """The person is known, and may not do this."""

    status = 403
    code = "forbidden"
    sentence = "You may not do this."


class AdminOnly(Forbidden):
    """Only an administrator or organiser may do this."""

    code = "admin_only"
    sentence = "Only an administrator may do this."


class ScopeMissing(Forbidden):
    """The token is valid, but was not made for this."""

    code = "scope_missing"
    sentence = "This API token lacks the scope {scope}. Make one that has it under Settings."


class CsrfFailed(Forbidden):
    """A form was sent from another site, or its page is too old."""

    code = "csrf_failed"
    sentence = "This form was sent from another site or is too old. Reload the page and send it again."


class PasswordMustChange(Forbidden):
    """The password was made by someone else, and is good for changing it only."""

    code = "password_must_change"
    sentence = "Choose a password of your own first, under Settings."


class NotRevealed(Forbidden):
    """Private scores are nobody's to see before the deadline."""

    code = "not_revealed"
    sentence = "The private leaderboard of {slug} is shown after its deadline."


class RegistrationClosed(Forbidden):
    """The operator makes the accounts."""

    code = "registration_closed"
    sentence = "Registration is closed. Ask the operator for an account."


class Conflict(ArenaError):
    """The request is well formed, and the present state forbids it."""

    status = 409
    code = "conflict"
    sentence = "This cannot be done now."


class NameTaken(Conflict):
    """The name or address belongs to someone else."""

    code = "name_taken"
    sentence = "{value} is taken. Choose another one."


class LastAdmin(Conflict):
    """Somebody must be able to administer."""

    code = "last_admin"
    sentence = "{username} is the last administrator. Make another one first."


class ChallengeClosed(Conflict):
    """The challenge takes no submissions now."""

    code = "challenge_closed"
    sentence = "{slug} takes no submissions: it is closed, or its deadline has passed."


class NotStarted(Conflict):
    """The challenge opens later; neither its data nor its uploads exist before."""

    code = "not_started"
    sentence = "{slug} opens at {opens_at} (UTC)."


class NotReady(Conflict):
    """The challenge's data is still being prepared."""

    code = "not_ready"
    sentence = "The data of {slug} is still being prepared. Try again in a minute."


class NotRegradable(Conflict):
    """The submission waits to be graded already, or was cancelled."""

    code = "not_regradable"
    sentence = "This submission cannot be graded again: it is waiting already, or was cancelled."


class IdempotencyMismatch(Conflict):
    """The same idempotency key came with another file."""

    code = "idempotency_mismatch"
    sentence = "This idempotency key was used for another file. Use a new key."


class TooLarge(ArenaError):
    """The upload is larger than the challenge allows; it was stopped and removed."""

    status = 413
    code = "too_large"
    sentence = "The upload is larger than the {limit_bytes} bytes this challenge accepts."


class UnsupportedType(ArenaError):
    """The body is of a type this route does not take."""

    status = 415
    code = "unsupported_type"
    sentence = "Send the file as multipart/form-data, or as the raw body of a PUT."


class Invalid(ArenaError):
    """A field has a value that it cannot have."""

    status = 422
    code = "invalid"
    sentence = "{field}: {problem}."


class EmptyUpload(Invalid):
    """The upload holds no bytes."""

    code = "empty_upload"
    sentence = "The upload is empty. Choose the predictions file and send it again."


class UploadIncomplete(ArenaError):
    """The body ended before its announced length, or does not have the announced sha256."""

    status = 400
    code = "upload_incomplete"
    sentence = "The upload did not arrive whole. Send it again."


class TooMany(ArenaError):
    """Too often."""

    status = 429
    code = "too_many"
    sentence = "Too many requests."


class QuotaUsed(TooMany):
    """The team has used today's submissions."""

    code = "quota_used"
    sentence = "Your team has used its {limit} submissions of today. The next are possible at {resets_at} (UTC)."


class RateLimited(TooMany):
    """Too many requests in a short time."""

    code = "rate_limited"
    sentence = "Too many requests. Try again in {seconds} s."
