"""Accounts over the API: what is refused, then what works."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from arena.accounts.models import ApiToken, User
from arena.security import digest_of
from tests.factories import NOON, PASSWORD, bearer, make_admin, make_token, make_user

API = "/api/v1"


def code_of(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    return answer.status_code, problem["code"]


def log_in(client: httpx.Client, username: str, password: str = PASSWORD, **more: object) -> httpx.Response:
    return client.post(f"{API}/login", json={"username": username, "password": password, **more})


class TestRegister:
    """POST /users."""

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"username": "ab", "password": PASSWORD}, "username"),
            ({"username": "x" * 33, "password": PASSWORD}, "username"),
            ({"username": "../../etc", "password": PASSWORD}, "username"),
            ({"username": "név_elen", "password": PASSWORD}, "username"),
            ({"username": "ada\n", "password": PASSWORD}, "username"),
            ({"username": "ada", "password": "short"}, "password"),
            ({"username": "ada", "password": "aaaaaaaaaaaaa"}, "password"),
            ({"username": "ada", "password": "Password123"}, "password"),
            ({"username": "ada_lovelace", "password": "ADA_lovelace"}, "password"),
            ({"username": "ada", "password": "p" * 300}, "password"),
            ({"username": "ada", "password": PASSWORD, "email": "nowhere"}, "email"),
            ({"username": "ada"}, "password"),
            ({"username": "ada", "password": PASSWORD, "role": "admin"}, "role"),
        ],
    )
    def test_what_breaks_a_rule_is_refused_by_field(self, client: httpx.Client, body: dict[str, str], field: str):
        answer = client.post(f"{API}/users", json=body)
        assert code_of(answer) == (422, "invalid")
        assert answer.json()["errors"][0]["field"] == field
        assert body.get("password", "no such text") not in answer.text

    def test_a_name_is_taken_whatever_its_case(self, client: httpx.Client, db: Session):
        make_user(db, "Ada")
        answer = client.post(f"{API}/users", json={"username": "aDA", "password": PASSWORD})
        assert code_of(answer) == (409, "name_taken")
        assert "aDA" in answer.json()["detail"]

    def test_an_address_is_taken_too(self, client: httpx.Client, db: Session):
        make_user(db, "ada", email="ada@example.org")
        body = {"username": "eve", "password": PASSWORD, "email": "ADA@example.org"}
        answer = client.post(f"{API}/users", json=body)
        assert code_of(answer) == (409, "name_taken")
        assert answer.json()["facts"]["field"] == "email"

    def test_of_many_at_once_one_gets_the_name(self, client: httpx.Client, db: Session):
        with ThreadPoolExecutor(6) as threads:
            posts = [
                threads.submit(client.post, f"{API}/users", json={"username": name, "password": PASSWORD})
                for name in ("ada", "Ada", "ADA", "aDa", "adA", "ADa")
            ]
        assert sorted(post.result().status_code for post in posts) == [201, 409, 409, 409, 409, 409]
        assert len(db.scalars(select(User)).all()) == 1

    def test_a_new_account_is_a_participant_with_a_hashed_password(self, client: httpx.Client, db: Session):
        answer = client.post(f"{API}/users", json={"username": "ada", "password": PASSWORD})
        assert answer.status_code == 201
        assert answer.json()["role"] == "participant"
        assert "password" not in " ".join(set(answer.json()) - {"must_change_password"})
        assert db.scalars(select(User.password_hash)).one().startswith("$argon2id$")


class TestLogin:
    """Logging in."""

    def test_a_wrong_password_and_an_unknown_name_look_the_same(self, client: httpx.Client, db: Session):
        make_user(db, "ada")
        answers = [log_in(client, "ada", "wrong password"), log_in(client, "nobody", "wrong password")]
        assert [code_of(answer) for answer in answers] == [(401, "wrong_password")] * 2
        first, second = (answer.json() | {"request_id": ""} for answer in answers)
        assert first == second

    def test_a_disabled_account_is_as_good_as_unknown(self, client: httpx.Client, db: Session):
        make_user(db, "ada", disabled_at=NOON)
        assert code_of(log_in(client, "ada")) == (401, "wrong_password")

    def test_a_one_time_password_opens_nothing_by_api(self, client: httpx.Client, db: Session):
        make_user(db, "ada", must_change_password=True)
        assert code_of(log_in(client, "ada")) == (403, "password_must_change")

    def test_a_participant_gets_no_token_that_administers(self, client: httpx.Client, db: Session):
        make_user(db, "ada")
        assert code_of(log_in(client, "ada", scopes=["read", "admin"])) == (403, "scope_missing")

    def test_the_token_is_stored_as_a_digest_and_ends(self, client: httpx.Client, db: Session):
        make_user(db, "ada")
        answer = log_in(client, "ADA", token_name="laptop")
        token = answer.json()["token"]
        row = db.scalars(select(ApiToken)).one()
        assert token.startswith("arena_")
        assert row.digest == digest_of(token)
        assert row.name == "laptop"
        assert row.expires_at is not None
        assert answer.headers["cache-control"] == "no-store"
        assert client.get(f"{API}/me", headers=bearer(token)).json()["username"] == "ada"


class TestTokens:
    """Tokens that hold, and tokens that do not."""

    @pytest.mark.parametrize(
        "columns",
        [{"expires_at": NOON - dt.timedelta(days=365)}, {"revoked_at": NOON}],
        ids=["expired", "revoked"],
    )
    def test_a_token_that_no_longer_holds_is_refused(
        self, client: httpx.Client, db: Session, columns: dict[str, object]
    ):
        token = make_token(db, make_user(db), **columns)
        answer = client.get(f"{API}/me", headers=bearer(token))
        assert code_of(answer) == (401, "token_invalid")
        assert answer.headers["www-authenticate"].startswith("Bearer")

    @pytest.mark.parametrize("given", ["arena_unknown", "x" * 5000])
    def test_an_unknown_token_is_refused_even_where_none_is_needed(self, client: httpx.Client, given: str):
        answer = client.get(f"{API}/challenges", headers={"Authorization": f"Bearer {given}"})
        assert code_of(answer) == (401, "token_invalid")

    def test_the_tokens_of_a_disabled_account_are_refused(self, client: httpx.Client, db: Session):
        token = make_token(db, make_user(db, disabled_at=NOON))
        assert code_of(client.get(f"{API}/me", headers=bearer(token))) == (401, "token_invalid")

    def test_a_token_that_reads_does_not_write(self, client: httpx.Client, db: Session):
        token = make_token(db, make_user(db), "read")
        answer = client.post(f"{API}/tokens", json={"name": "more"}, headers=bearer(token))
        assert code_of(answer) == (403, "scope_missing")
        assert "submit" in answer.json()["detail"]

    def test_a_token_makes_none_that_can_do_more_or_lasts_longer(self, client: httpx.Client, db: Session):
        ends = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
        token = make_token(db, make_admin(db), "submit", expires_at=ends)
        asked = client.post(f"{API}/tokens", json={"name": "more", "scopes": ["admin"]}, headers=bearer(token))
        assert code_of(asked) == (403, "scope_missing")
        made = client.post(f"{API}/tokens", json={"name": "same", "scopes": ["submit"]}, headers=bearer(token))
        assert dt.datetime.fromisoformat(made.json()["expires_at"]) == ends

    def test_an_end_in_the_past_is_refused(self, client: httpx.Client, db: Session):
        token = make_token(db, make_user(db))
        body = {"name": "late", "expires_at": "2020-01-01T00:00:00Z"}
        assert code_of(client.post(f"{API}/tokens", json=body, headers=bearer(token))) == (422, "invalid")

    def test_the_token_of_another_person_cannot_be_revoked(self, client: httpx.Client, db: Session):
        own, other = make_token(db, make_user(db)), make_token(db, make_user(db))
        row = db.scalars(select(ApiToken).where(ApiToken.digest == digest_of(other))).one()
        answer = client.delete(f"{API}/tokens/{row.id}", headers=bearer(own))
        assert code_of(answer) == (404, "not_found")
        assert client.get(f"{API}/me", headers=bearer(other)).status_code == 200

    def test_made_listed_and_revoked(self, client: httpx.Client, db: Session):
        own = bearer(make_token(db, make_user(db)))
        made = client.post(f"{API}/tokens", json={"name": "laptop", "scopes": ["read"]}, headers=own).json()
        listed = client.get(f"{API}/tokens", headers=own).json()["items"]
        assert [row["name"] for row in listed] == ["laptop", "test"]
        assert made["token"] not in str(listed)
        assert client.get(f"{API}/me", headers=bearer(made["token"])).status_code == 200
        assert client.delete(f"{API}/tokens/{made['id']}", headers=own).status_code == 204
        assert code_of(client.get(f"{API}/me", headers=bearer(made["token"]))) == (401, "token_invalid")


def test_without_any_token_one_is_nobody(client: httpx.Client):
    assert code_of(client.get(f"{API}/me")) == (401, "not_logged_in")


def test_a_token_in_the_address_proves_nothing(client: httpx.Client, db: Session):
    token = make_token(db, make_user(db))
    assert client.get(f"{API}/me", params={"token": token, "access_token": token}).status_code == 401
