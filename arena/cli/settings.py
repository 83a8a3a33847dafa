"""What the command line reads from the environment, and which of it each process it starts may see.

The table of HOUSE: web and scribe never see the vault, graders never see the database.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from arena.settings import Settings

SYSTEM_VARIABLES = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "TMPDIR", "LANG", "LANGUAGE", "TZ", "NO_COLOR"),
    *("VIRTUAL_ENV", "PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONWARNINGS", "PYTHONDONTWRITEBYTECODE", "LD_LIBRARY_PATH"),
    *(
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "http_proxy",
        "https_proxy",
        "no_proxy",
    ),
)
STORAGE_PREFIXES = ("AWS_", "GOOGLE_", "AZURE_")
"""Credentials of an object store of one's own."""
COMPUTE_PREFIXES = ("CUDA_", "NVIDIA_", "OMP_", "MKL_", "TORCH_", "POLARS_", "LC_")

WEB_VARIABLES = frozenset(f"ARENA_{name.upper()}" for name in Settings.model_fields)
GRADER_VARIABLES = frozenset(
    f"ARENA_{name}"
    for name in (
        *("REDIS_URL", "STORAGE_URL", "VAULT_URL", "CHALLENGES_DIR", "QUEUES", "SOURCE_BASE_URL"),
        *("PREPARE_SECONDS", "STOP_SECONDS", "LOG_FORMAT", "DEVICE", "SANDBOX_OUTER"),
    )
)
"""The fields of `graders.settings`, which is not ours to import; a test compares the two."""


class ClientSettings(BaseSettings):
    """What a learner can set instead of logging in. Each field is `ARENA_<NAME>` in the environment."""

    model_config = SettingsConfigDict(env_prefix="ARENA_", extra="ignore")

    server: str = Field(default="", description="The server to talk to; empty: the one of the last `arena login`.")
    token: str = Field(default="", description="An API token, instead of the one that `arena login` stored.")
    config_dir: Path = Field(
        default_factory=lambda: platformdirs.user_config_path("arena"), description="Where `arena login` stores it."
    )
    language: str = Field(default="", description="`en` or `zh`; empty: as LANG says.")


class OperatorSettings(BaseSettings):
    """What `arena up` takes from the environment beside its options; empty means: make one in the data folder."""

    model_config = SettingsConfigDict(env_prefix="ARENA_", extra="ignore")

    database_url: str = Field(default="", description="A PostgreSQL of one's own.")
    redis_url: str = Field(default="", description="A Redis of one's own.")
    storage_url: str = Field(default="", description="Root of blobs.")
    vault_url: str = Field(default="", description="Root of hidden answers; only graders are told.")
    base_url: str = Field(default="", description="Where people reach the site; empty: the address it listens on.")
    queues: str = Field(default="", description="Queues that the graders listen to; empty: all.")
    stop_seconds: float = Field(default=3.0, description="How long a grader may finish the job in hand at the end.")
    data: Path = Field(default=Path("arena-data"), description="Folder of everything that is kept.")


def environment_of(variables: frozenset[str], given: dict[str, str]) -> dict[str, str]:
    """The environment of a child: what the system needs, and of ours only `variables`.

    Args:
        variables: `WEB_VARIABLES` or `GRADER_VARIABLES`.
        given: Values that this process decides; they win over its own environment.
    """
    prefixes = (*COMPUTE_PREFIXES, *STORAGE_PREFIXES)
    passed = {
        name: value for name, value in os.environ.items() if name in SYSTEM_VARIABLES or name.startswith(prefixes)
    }
    ours = {name: value for name, value in os.environ.items() if name in variables}
    return passed | ours | {name: value for name, value in given.items() if name in variables}


def system_language() -> str:
    """What the system's locale asks for, such as `zh_CN.UTF-8`."""
    return next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
