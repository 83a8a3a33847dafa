"""Passwords, secrets and the rules for names: pure functions, no database and no request."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import unicodedata
from functools import lru_cache
from urllib.parse import urlsplit

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from arena.errors import Invalid
from arena.translations import mark

USERNAME = re.compile(r"[A-Za-z0-9_-]{3,32}", re.ASCII)
EMAIL = re.compile(r"[^@\s<>\"',;:\\()\[\]]{1,64}@[^@\s<>\"',;:\\()\[\]]{1,185}\.[^@\s.<>\"',;:\\()\[\]]{2,63}")
TOKEN_PREFIX = "arena_"  # noqa: S105 - a name, not a secret
SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 256
FEWEST_CHARACTERS = 4
COMMON_PASSWORDS = frozenset(
    [
        "0123456789",
        "1234567890",
        "12345678910",
        "0987654321",
        "1q2w3e4r5t",
        "1qaz2wsx3edc",
        "qwertyuiop",
        "qwerty12345",
        "qwertyuiop123",
        "password12",
        "password123",
        "password1234",
        "passw0rd123",
        "iloveyou123",
        "administrator",
        "changeme123",
        "letmein123",
        "welcome123",
    ]
)
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""Argon2id as OWASP advises for servers: 19 MiB, two passes, one lane."""
_TURNS = threading.BoundedSemaphore(4)
"""So many hashes at a time: a flood of log-ins takes patience, not memory."""


def hash_password(password: str) -> str:
    """Argon2id hash with its own salt and parameters inside."""
    with _TURNS:
        return _HASHER.hash(_normal(password))


def verify_password(hashed: str, password: str) -> bool:
    """Whether the password is the one that was hashed."""
    try:
        with _TURNS:
            return _HASHER.verify(hashed, _normal(password))
    except (VerificationError, InvalidHashError):
        return False


def verify_nobody(password: str) -> bool:
    """Spend as long as a wrong password takes, where no account exists; always False."""
    verify_password(_hash_of_nobody(), password)
    return False


def is_weaker(hashed: str) -> bool:
    """Whether a hash was made with other parameters than today's, and should be made again."""
    return _HASHER.check_needs_rehash(hashed)


def new_secret() -> str:
    """256 random bits as text that is safe in URLs, headers and cookies."""
    return secrets.token_urlsafe(32)


def new_api_token() -> str:
    """A secret that people and secret scanners recognise as an API token of Arena."""
    return TOKEN_PREFIX + new_secret()


def new_one_time_password() -> str:
    """A password to be typed once: four groups of four, without characters that look alike."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(4))


def digest_of(secret: str) -> str:
    """What is stored of a secret: sha256 suffices for 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_same(one: str, other: str) -> bool:
    """Compare two secrets in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode(), other.encode())


def check_username(username: str) -> None:
    """Raise Invalid unless the name is 3 to 32 letters, digits, `_` or `-`."""
    if not USERNAME.fullmatch(username):
        raise Invalid(field="username", problem=mark("must be 3 to 32 letters a–z, digits, _ or -"))


def check_email(email: str) -> None:
    """Raise Invalid unless the text has the shape of an address."""
    if not EMAIL.fullmatch(email):
        raise Invalid(field="email", problem=mark("must be an e-mail address such as name@example.org"))


def check_password(password: str, username: str) -> None:
    """Raise Invalid for a password that is short, very long, well known, or the name itself."""
    plain = _normal(password)
    if len(plain) < SHORTEST_PASSWORD:
        raise Invalid(field="password", problem=mark("must have at least 10 characters"))
    if len(plain) > LONGEST_PASSWORD:
        raise Invalid(field="password", problem=mark("must have at most 256 characters"))
    if plain.casefold() == username.casefold():
        raise Invalid(field="password", problem=mark("must not be your name"))
    if plain.casefold() in COMMON_PASSWORDS or len(set(plain)) < FEWEST_CHARACTERS:
        raise Invalid(field="password", problem=mark("is too easy to guess"))


def safe_next(target: str | None, default: str = "/") -> str:
    """A path on this site to go to after log-in; anything that could lead elsewhere becomes `default`."""
    if not target or not target.startswith("/") or target.startswith("//"):
        return default
    if any(character == "\\" or ord(character) <= ord(" ") for character in target):
        return default
    parts = urlsplit(target)
    return default if parts.scheme or parts.netloc else target


def _normal(password: str) -> str:
    """One form for characters that keyboards send in several."""
    return unicodedata.normalize("NFKC", password)


@lru_cache
def _hash_of_nobody() -> str:
    return hash_password(new_secret())
