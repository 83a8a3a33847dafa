"""Accounts by page, without JavaScript: forms from elsewhere are refused, own ones work."""

from __future__ import annotations

import re

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from arena.accounts.models import ApiToken, LoginSession, User
from arena.accounts.service import ensure_admin
from arena.app import create_app
from arena.settings import Settings
from tests.factories import PASSWORD, make_user
from tests.serving import serve


def token_on(page: httpx.Response) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found, page.text
    return found.group(1)


@pytest.fixture
def ada(client: httpx.Client, db: Session) -> httpx.Client:
    """A browser in which Ada is logged in."""
    make_user(db, "ada")
    assert client.post("/login", data={"username": "ada", "password": PASSWORD}).status_code == 303
    return client


class TestLogin:
    """Logging in."""

    def test_a_wrong_password_shows_the_form_again_and_keeps_the_name(self, client: httpx.Client, db: Session):
        make_user(db, "ada")
        page = client.post("/login", data={"username": "ada", "password": "wrong password", "next": "/about"})
        assert page.status_code == 401
        assert 'value="ada"' in page.text
        assert 'value="/about"' in page.text
        assert "wrong password" not in page.text
        assert not client.cookies

    @pytest.mark.parametrize(
        "target",
        ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/%0d\n", "\t//evil", ""],
    )
    def test_nobody_is_sent_to_another_site(self, client: httpx.Client, db: Session, target: str):
        make_user(db, "ada")
        sent = client.post("/login", data={"username": "ada", "password": PASSWORD, "next": target})
        assert sent.headers["location"] == "/"

    def test_one_comes_back_to_where_one_wanted(self, client: httpx.Client, db: Session):
        make_user(db, "ada")
        refused = client.get("/settings/tokens?a=1")
        assert refused.headers["location"] == "/login?next=/settings/tokens%3Fa%3D1"
        assert 'name="next" value="/settings/tokens?a=1"' in client.get(refused.headers["location"]).text
        form = {"username": "ada", "password": PASSWORD, "next": "/settings/tokens?a=1"}
        assert client.post("/login", data=form).headers["location"] == "/settings/tokens?a=1"

    def test_the_cookie_is_for_http_and_this_site_only_and_its_secret_is_not_stored(
        self, ada: httpx.Client, db: Session
    ):
        jar = next(cookie for cookie in ada.cookies.jar if cookie.name == "arena_session")
        assert jar.has_nonstandard_attr("HttpOnly")
        assert jar.get_nonstandard_attr("SameSite") == "Lax"
        row = db.scalars(select(LoginSession)).one()
        assert jar.value
        assert jar.value not in (row.digest, row.csrf_token)

    def test_logging_in_again_ends_the_session_before(self, ada: httpx.Client, db: Session):
        before = ada.cookies["arena_session"]
        form = {"username": "ada", "password": PASSWORD, "csrf_token": token_on(ada.get("/settings"))}
        ada.post("/login", data=form)
        assert ada.cookies["arena_session"] != before
        assert db.scalar(select(func.count()).select_from(LoginSession)) == 1


class TestForms:
    """Writing with a session from a browser."""

    @pytest.mark.parametrize(
        "headers",
        [
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
        ],
    )
    @pytest.mark.parametrize("path", ["/login", "/register", "/logout", "/language", "/settings/password"])
    def test_a_form_from_another_site_is_refused(self, ada: httpx.Client, path: str, headers: dict[str, str]):
        form = {"csrf_token": token_on(ada.get("/settings")), "username": "ada", "password": PASSWORD}
        assert ada.post(path, data=form, headers=headers).status_code == 403
        assert ada.get("/settings").status_code == 200

    @pytest.mark.parametrize("token", [None, "", "wrong"])
    def test_a_form_without_the_sessions_token_is_refused(self, ada: httpx.Client, db: Session, token: str | None):
        form = {"name": "stolen", "scope_read": "yes", "lifetime": "never"} | ({"csrf_token": token} if token else {})
        page = ada.post("/settings/tokens", data=form)
        assert page.status_code == 403
        assert "Reload the page" in page.text
        assert db.scalars(select(ApiToken)).all() == []

    def test_the_api_asks_a_browsers_session_for_the_token_too(self, ada: httpx.Client):
        assert ada.get("/api/v1/me").json()["username"] == "ada"
        refused = ada.post("/api/v1/tokens", json={"name": "x"})
        assert (refused.status_code, refused.json()["code"]) == (403, "csrf_failed")
        headers = {"X-CSRF-Token": token_on(ada.get("/settings"))}
        assert ada.post("/api/v1/tokens", json={"name": "x"}, headers=headers).status_code == 201

    def test_a_form_with_a_file_or_a_huge_field_is_refused(self, ada: httpx.Client):
        token = token_on(ada.get("/settings"))
        with_file = ada.post("/settings/profile", data={"csrf_token": token}, files={"email": ("a", b"b")})
        assert with_file.status_code == 400
        huge = ada.post("/settings/profile", data={"csrf_token": token, "email": "x" * 2_000_000})
        assert huge.status_code == 413


def test_registration_logs_in_and_welcomes(client: httpx.Client, db: Session):
    sent = client.post("/register", data={"username": "ada", "password": PASSWORD, "next": "/about"})
    assert sent.headers["location"] == "/about?notice=welcome"
    assert client.get("/settings").status_code == 200
    assert db.scalars(select(User.username)).one() == "ada"


def test_registration_tells_what_is_wrong_in_chinese_too(client: httpx.Client, db: Session):
    make_user(db, "ada")
    page = client.post(
        "/register", data={"username": "ada", "password": PASSWORD}, headers={"Accept-Language": "zh-CN"}
    )
    assert page.status_code == 409
    assert 'lang="zh-Hans"' in page.text
    assert 'aria-invalid="true"' in page.text


def test_the_page_of_an_unknown_address_knows_its_reader(ada: httpx.Client):
    page = ada.get("/no/such/page")
    assert page.status_code == 404
    assert 'action="/logout"' in page.text


def test_logging_out_ends_the_session_on_the_server(ada: httpx.Client):
    secret = ada.cookies["arena_session"]
    ada.post("/logout", data={"csrf_token": token_on(ada.get("/settings"))})
    assert "arena_session" not in ada.cookies
    ada.cookies.set("arena_session", secret)
    assert ada.get("/settings").status_code == 303


def test_profile_is_saved_or_told_what_is_wrong(ada: httpx.Client, db: Session):
    token = token_on(ada.get("/settings"))
    wrong = ada.post("/settings/profile", data={"csrf_token": token, "email": "nowhere", "language": "en"})
    assert wrong.status_code == 422
    right = {"csrf_token": token, "email": "ada@example.org", "language": "zh_Hans"}
    assert ada.post("/settings/profile", data=right).headers["location"] == "/settings?notice=saved"
    user = db.scalars(select(User)).one()
    assert (user.email, user.language) == ("ada@example.org", "zh_Hans")
    assert 'lang="zh-Hans"' in ada.get("/settings", headers={"Accept-Language": "en"}).text


def test_a_new_password_ends_every_other_session(ada: httpx.Client, site_url: str):
    with httpx.Client(base_url=site_url) as other:
        other.post("/login", data={"username": "ada", "password": PASSWORD})
        form = {
            "csrf_token": token_on(ada.get("/settings")),
            "old_password": "not the one",
            "password": "a new passphrase",
        }
        assert ada.post("/settings/password", data=form).status_code == 422
        form["old_password"] = PASSWORD
        assert ada.post("/settings/password", data=form).headers["location"] == "/settings?notice=password_changed"
        assert ada.get("/settings").status_code == 200
        assert other.get("/settings").status_code == 303
        assert other.post("/login", data={"username": "ada", "password": PASSWORD}).status_code == 401


def test_the_first_admin_changes_the_one_time_password_before_anything_else(client: httpx.Client, db: Session):
    password = ensure_admin(db, "admin")
    assert password
    sent = client.post("/login", data={"username": "admin", "password": password, "next": "/settings"})
    assert sent.headers["location"].startswith("/settings/password")
    assert client.get("/settings").headers["location"].startswith("/settings/password")
    refused = client.get("/api/v1/tokens")
    assert (refused.status_code, refused.json()["code"]) == (403, "password_must_change")
    form = {"csrf_token": token_on(client.get("/settings/password")), "old_password": password}
    assert client.post("/settings/password", data=form | {"password": password}).status_code == 422
    assert client.post("/settings/password", data=form | {"password": "my own passphrase"}).status_code == 303
    assert client.get("/settings").status_code == 200


def test_a_token_is_shown_once_and_revoked(ada: httpx.Client, db: Session):
    form = {"csrf_token": token_on(ada.get("/settings")), "name": "laptop", "scope_read": "yes", "lifetime": "30"}
    page = ada.post("/settings/tokens", data=form)
    shown = re.search(r"arena_[\w-]{43}", page.text)
    assert shown
    assert page.headers["cache-control"] == "no-store"
    again = ada.get("/settings/tokens").text
    assert shown.group() not in again
    row = db.scalars(select(ApiToken)).one()
    assert row.scopes == ["read"]
    assert row.prefix in again
    revoked = ada.post(f"/settings/tokens/{row.id}/revoke", data={"csrf_token": form["csrf_token"]})
    assert revoked.headers["location"] == "/settings/tokens?notice=token_revoked"
    assert row.prefix not in ada.get("/settings/tokens").text


def test_a_token_without_name_or_scope_is_explained(ada: httpx.Client):
    form = {"csrf_token": token_on(ada.get("/settings")), "name": "laptop", "lifetime": "30"}
    page = ada.post("/settings/tokens", data=form)
    assert page.status_code == 422
    assert "read, submit and admin" in page.text
    assert 'value="laptop"' in page.text


def test_own_sessions_are_listed_and_ended(ada: httpx.Client, site_url: str, db: Session):
    with httpx.Client(base_url=site_url, headers={"User-Agent": "Other <b>browser</b>"}) as other:
        other.post("/login", data={"username": "ada", "password": PASSWORD})
        page = ada.get("/settings")
        assert "Other &lt;b&gt;browser&lt;/b&gt;" in page.text
        row = db.scalars(select(LoginSession).where(LoginSession.user_agent.like("Other%"))).one()
        ada.post(f"/settings/sessions/{row.id}/revoke", data={"csrf_token": token_on(page)})
        assert other.get("/settings").status_code == 303
    gone = ada.post(f"/settings/sessions/{row.id}/revoke", data={"csrf_token": token_on(page)})
    assert gone.status_code == 404


def test_language_and_theme_need_no_account(client: httpx.Client):
    sent = client.post("/language", data={"language": "zh_Hans", "next": "/about"})
    assert sent.headers["location"] == "/about"
    client.post("/theme", data={"theme": "dark"})
    page = client.get("/login").text
    assert 'lang="zh-Hans"' in page
    assert 'data-theme="dark"' in page
    client.post("/language", data={"language": "tlh"})
    assert client.cookies["arena_language"] == "zh_Hans"


@pytest.mark.parametrize("path", ["/login", "/register"])
def test_who_is_logged_in_is_sent_on(ada: httpx.Client, path: str):
    sent = ada.get(f"{path}?next=/about")
    assert (sent.status_code, sent.headers["location"]) == (303, "/about")


def test_where_registration_is_closed_the_page_says_so(settings: Settings):
    app = create_app(settings.model_copy(update={"registration_open": False}))
    with serve(app) as url, httpx.Client(base_url=url) as client:
        assert "Registration is closed" in client.get("/register").text
        refused = client.post("/register", data={"username": "ada", "password": PASSWORD})
        assert refused.status_code == 403
        assert "Registration is closed" in refused.text


def test_all_other_sessions_end_at_once_and_the_own_one_by_choice(ada: httpx.Client, site_url: str, db: Session):
    with httpx.Client(base_url=site_url) as other:
        other.post("/login", data={"username": "ada", "password": PASSWORD})
        token = token_on(ada.get("/settings"))
        assert ada.post("/settings/sessions/revoke-others", data={"csrf_token": token}).status_code == 303
        assert other.get("/settings").status_code == 303
    own = db.scalars(select(LoginSession)).one()
    sent = ada.post(f"/settings/sessions/{own.id}/revoke", data={"csrf_token": token})
    assert sent.headers["location"] == "/?notice=logged_out"
    assert "arena_session" not in ada.cookies


def test_a_form_from_our_own_page_is_taken_whichever_way_the_browser_says_so(ada: httpx.Client, site_url: str):
    token = token_on(ada.get("/settings"))
    for headers in ({"Origin": site_url}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}):
        sent = ada.post("/language", data={"csrf_token": token, "language": "en"}, headers=headers)
        assert sent.status_code == 303
