"""Settings of a grader, from the environment alone. No database variable exists here."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

_HERE = Path(__file__).resolve().parent


class SandboxSettings(BaseSettings):
    """What the sandbox is tried with: what a guest must never reach. All of it may be missing."""

    model_config = SettingsConfigDict(env_prefix="ARENA_", extra="ignore")

    redis_url: str = ""
    storage_url: str = ""
    vault_url: str = ""
    sandbox_outer: Literal["", "gvisor", "kata", "container"] = Field(
        default="",
        description="The operator's word that graders are isolated from outside: `gvisor`, `kata`, or `container`. "
        "It counts only where the kernel lacks Landlock and bubblewrap does not run; see sandbox.md.",
    )


class GraderSettings(SandboxSettings):
    """What an operator can set for a grader. Each field is `ARENA_<NAME>` in the environment."""

    redis_url: str = Field(description="Redis, `redis://…` or `unix://…`.")
    storage_url: str = Field(description="Root of blobs: `uploads/` is read, `public/` is written when preparing.")
    vault_url: str = Field(description="Root of hidden answers and the installation's secret, `file:///…`.")
    challenges_dir: Path = Field(default=_HERE.parent / "challenges", description="Folder of challenge packages.")
    device: str = Field(
        default="cpu",
        pattern=r"^(cpu|cuda(:\d+)?)$",
        description='Where models of `device = "gpu"` challenges run: `cpu`, `cuda`, `cuda:1` …',
    )
    queues: str = Field(default="grade-cpu,prepare", description="Queues to listen to, in order of priority.")
    source_base_url: str = Field(
        default="", description="Mirror for real data files: replaces scheme and host of each source URL."
    )
    prepare_seconds: float = Field(default=3600, description="Longest that preparing one challenge's data may take.")
    stop_seconds: float = Field(
        default=8, description="After SIGTERM, how long the job in hand may take before it goes back to the queue."
    )
    log_format: str = Field(default="console", description="`console` or `json`.")


@lru_cache
def get_settings() -> GraderSettings:
    """The settings of this process, read once."""
    return GraderSettings()
