"""Settings of the web side, from the environment (`ARENA_*`) alone, and where the shipped folders are.

The graders have settings of their own: no variable that leads to hidden answers is read here.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

_HERE = Path(__file__).resolve().parent


def _shipped(name: str) -> Path:
    """A top-level folder: inside the wheel under `arena/_bundled`, in a checkout beside `arena`."""
    bundled = _HERE / "_bundled" / name
    return bundled if bundled.is_dir() else _HERE.parent / name


TEMPLATES_DIR = _shipped("templates")
MIGRATIONS_DIR = _shipped("migrations")
STATIC_DIR = _HERE / "static"
CHALLENGES_DIR = _HERE.parent / "challenges"


class Settings(BaseSettings):
    """What an operator can set. Each field is `ARENA_<NAME>` in the environment."""

    model_config = SettingsConfigDict(env_prefix="ARENA_", extra="ignore")

    database_url: str = Field(default="", description="PostgreSQL, `postgresql://…`; empty: embedded by `arena up`.")
    redis_url: str = Field(default="", description="Redis, `redis://…` or `unix://…`; empty: embedded by `arena up`.")
    storage_url: str = Field(
        default="",
        description="Root of blobs, `file:///…`, `s3://…`, `gs://…`, `az://…`: `uploads/` and `public/` below it.",
    )
    challenges_dir: Path = Field(default=CHALLENGES_DIR, description="Folder of challenge packages.")
    base_url: str = Field(default="http://127.0.0.1:8000", description="Where people reach the site; no final slash.")
    secure_cookies: bool = Field(default=False, description="Send cookies over HTTPS only; turn on behind TLS.")
    registration_open: bool = Field(default=True, description="Anyone may make an account.")
    session_days: int = Field(default=14, description="Days a login lasts without use.")
    trusted_proxies: str = Field(
        default="", description="Addresses of proxies whose X-Forwarded-For is believed, comma-separated."
    )
    rate_login: str = Field(default="10/minute", description="Wrong passwords, and registrations, per address.")
    rate_read: str = Field(default="600/minute", description="API reads per person or address.")
    rate_write: str = Field(default="60/minute", description="API writes per person or address.")
    cache_seconds: float = Field(
        default=1.0, description="How long public pages are answered from memory at most; 0: not at all."
    )
    sweep_seconds: float = Field(default=60.0, description="Seconds between two sweeps for lost jobs.")
    resend_after_seconds: float = Field(
        default=30.0, description="A queued submission older than this and unknown to the queue is sent again."
    )
    gpu_fallback: bool = Field(
        default=True, description="What asks for a GPU is graded on a CPU while no grader with a GPU is alive."
    )
    log_format: str = Field(default="console", description="`console` or `json`.")
    admin_username: str = Field(default="admin", description="Name of the first administrator.")


@lru_cache
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
