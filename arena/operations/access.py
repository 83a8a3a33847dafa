"""Who may operate what: organisers see the queue, open and close; everything else is for administrators."""

from __future__ import annotations

from fastapi import Depends

from arena.accounts.models import Role
from arena.deps import Admin, Identity, get_admin, get_checked_form
from arena.errors import AdminOnly


async def get_administrator(identity: Admin) -> Identity:
    """An administrator; organisers are refused."""
    if identity.user is None or identity.user.role is not Role.ADMIN:
        raise AdminOnly
    return identity


ORGANISER = [Depends(get_admin)]
"""An organiser or administrator, by token or session."""
ADMINISTRATOR = [Depends(get_administrator)]
FORM = Depends(get_checked_form)
"""A form that was sent from our own page."""
