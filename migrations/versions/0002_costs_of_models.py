"""What models cost.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Submissions remember what their model costs."""
    column = sa.Column("costs", postgresql.JSONB(), server_default="{}", nullable=False)
    op.add_column("submission", column)


def downgrade() -> None:
    """They forget it."""
    op.drop_column("submission", "costs")
