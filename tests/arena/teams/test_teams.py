"""A person is in one team per challenge, whatever happens at the same moment."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import event, func, select
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session, sessionmaker

from arena.accounts.models import User
from arena.teams.models import Membership, Team
from arena.teams.service import find_team, get_or_make_team, is_member, member_names
from tests.factories import make_challenge, make_team, make_user


def test_before_the_first_submission_there_is_no_team(db: Session):
    make_challenge(db)
    assert find_team(db, make_user(db), "flowers") is None


def test_a_team_is_of_one_challenge_only(db: Session):
    user = make_user(db)
    team = make_team(db, make_challenge(db), user)
    make_challenge(db, "digits")
    assert find_team(db, user, "flowers") == team
    assert find_team(db, user, "digits") is None


def test_the_first_submission_makes_a_team_under_the_own_name(db: Session):
    make_challenge(db)
    user = make_user(db, "ada")
    team = get_or_make_team(db, user, "flowers")
    db.commit()
    assert team.name == "ada"
    assert get_or_make_team(db, user, "flowers").id == team.id
    assert is_member(db, user.id, team.id)
    assert not is_member(db, make_user(db).id, team.id)


def test_a_name_that_others_took_gets_a_number(db: Session):
    challenge = make_challenge(db)
    make_team(db, challenge, make_user(db), name="ada")
    make_team(db, challenge, make_user(db), name="ada-2")
    assert get_or_make_team(db, make_user(db, "ada"), "flowers").name == "ada-3"


def test_first_submissions_at_once_make_one_team(db: Session, sessions: sessionmaker[Session]):
    make_challenge(db)
    user_id = make_user(db).id
    at_once = threading.Barrier(4)

    def make() -> object:
        with sessions() as session:
            user = session.get_one(User, user_id)
            session.commit()
            at_once.wait(10)
            team = get_or_make_team(session, user, "flowers")
            session.commit()
            return team.id

    with ThreadPoolExecutor(4) as pool:
        made = [future.result() for future in [pool.submit(make) for _ in range(4)]]
    assert len(set(made)) == 1
    assert db.scalar(select(func.count()).select_from(Team)) == 1
    assert db.scalar(select(func.count()).select_from(Membership)) == 1


def test_names_of_many_teams_take_one_query(db: Session, engine: Engine):
    challenge = make_challenge(db)
    pair = make_team(db, challenge, make_user(db, "zoe"), make_user(db, "ada"))
    alone = make_team(db, challenge, make_user(db, "bob"))
    empty = make_team(db, challenge, name="ghosts")
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    names = member_names(db, [pair.id, alone.id, empty.id])
    assert names == {pair.id: ["ada", "zoe"], alone.id: ["bob"], empty.id: []}
    assert len(asked) == 1
    assert member_names(db, []) == {}
