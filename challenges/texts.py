"""A short text in both languages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """A short text in both languages."""

    en: str
    """English."""
    zh: str
    """Chinese (simplified)."""
