"""Texts of manifests.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Challenges remember their manifest as it is written; the next look at the packages fills it in."""
    op.add_column("challenge", sa.Column("manifest_text", sa.String(), server_default="", nullable=False))


def downgrade() -> None:
    """They forget it."""
    op.drop_column("challenge", "manifest_text")
