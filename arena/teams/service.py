"""Teams: who competes together in a challenge, and the team of one that a first submission makes."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from arena.accounts.models import User
from arena.teams.models import Membership, Team


def find_team(session: Session, user: User, slug: str) -> Team | None:
    """The team of a person in a challenge; None before the first submission."""
    query = (
        select(Team)
        .join(Membership, Membership.team_id == Team.id)
        .where(Membership.user_id == user.id, Membership.slug == slug)
    )
    return session.scalars(query).one_or_none()


def get_or_make_team(session: Session, user: User, slug: str) -> Team:
    """The team of a person in a challenge, made under the person's name when there is none; the caller commits.

    The person's row is locked until then, so that two first submissions at once make one team.
    """
    session.execute(select(User.id).where(User.id == user.id).with_for_update(key_share=True))
    team = find_team(session, user, slug)
    if team is None:
        team = _add_team(session, slug, user.username)
        session.add(Membership(slug=slug, user_id=user.id, team_id=team.id))
        session.flush()
    return team


def is_member(session: Session, user_id: UUID, team_id: UUID) -> bool:
    """Whether a person belongs to a team."""
    return bool(session.scalar(select(exists().where(Membership.user_id == user_id, Membership.team_id == team_id))))


def member_names(session: Session, team_ids: Iterable[UUID]) -> dict[UUID, list[str]]:
    """The names of the people in each of these teams, in alphabetical order, by one query."""
    wanted = list(team_ids)
    names: dict[UUID, list[str]] = {team_id: [] for team_id in wanted}
    query = (
        select(Membership.team_id, User.username)
        .join(User, User.id == Membership.user_id)
        .where(Membership.team_id.in_(wanted))
        .order_by(User.username)
    )
    for team_id, name in session.execute(query):
        names[team_id].append(name)
    return names


def _add_team(session: Session, slug: str, name: str) -> Team:
    """Add a team under the first free name of `name`, `name-2`, `name-3` and so on."""
    wanted, number = name, 1
    while True:
        adding = insert(Team).values(slug=slug, name=wanted).on_conflict_do_nothing(index_elements=["slug", "name"])
        added = session.scalars(adding.returning(Team)).one_or_none()
        if added is not None:
            return added
        number += 1
        wanted = f"{name}-{number}"
