"""Rules for names, passwords and addresses to go to; secrets and their digests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.errors import Invalid
from arena.limiting import network_of
from arena.security import (
    check_email,
    check_password,
    check_username,
    digest_of,
    hash_password,
    is_same,
    is_weaker,
    new_api_token,
    new_one_time_password,
    safe_next,
    verify_nobody,
    verify_password,
)


@pytest.mark.parametrize("hashed", ["", "plain", "$argon2id$broken", "$2b$12$abcdefghijklmnopqrstuv"])
def test_a_broken_hash_opens_nothing(hashed: str):
    assert not verify_password(hashed, "")
    assert not verify_password(hashed, "plain")


def test_a_password_opens_its_own_hash_only():
    hashed = hash_password("correct horse")
    assert verify_password(hashed, "correct horse")
    assert not verify_password(hashed, "Correct horse")
    assert not verify_nobody("correct horse")
    assert not is_weaker(hashed)
    assert is_weaker(hashed.replace("t=2", "t=1"))


@pytest.mark.parametrize("name", ["", "ab", "a" * 33, "a b", "a.b", "аdа_х", "ada\x00", "@ada", "a/b", "ada\u200b"])
def test_names_that_are_refused(name: str):
    with pytest.raises(Invalid):
        check_username(name)


@pytest.mark.parametrize("name", ["ada", "Ada_Lovelace-1815", "0x0", "a" * 32])
def test_names_that_are_taken(name: str):
    check_username(name)


@pytest.mark.parametrize(
    "email", ["a", "a@b", "a b@c.de", "@c.de", "a@.de", "a@c.", "a@@c.de", "<a@c.de>", "a@c.de\nx"]
)
def test_addresses_that_are_refused(email: str):
    with pytest.raises(Invalid):
        check_email(email)


def test_addresses_that_are_taken():
    check_email("ada.lovelace+arena@mail.example.org")
    check_email("学生@例子.中国")


def test_one_time_passwords_pass_the_rules_and_differ():
    made = {new_one_time_password() for _ in range(50)}
    assert len(made) == 50
    for password in made:
        check_password(password, "admin")


def test_tokens_are_long_random_and_recognisable():
    token = new_api_token()
    assert token.startswith("arena_")
    assert len(token) == 49
    assert len(digest_of(token)) == 64
    assert is_same(token, token)
    assert not is_same(token, new_api_token())


@pytest.mark.parametrize(
    "target",
    [
        None,
        "",
        "challenges",
        "http://evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\/evil.example",
        " //evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
    ],
)
def test_addresses_elsewhere_are_not_gone_to(target: str | None):
    assert safe_next(target, "/home") == "/home"


@given(st.text())
def test_one_stays_on_this_site_whatever_is_asked(target: str):
    chosen = safe_next(target)
    assert chosen.startswith("/")
    assert not chosen.startswith(("//", "/\\"))
    assert chosen.isprintable() or all(ord(character) > 32 for character in chosen)


def test_addresses_here_are():
    assert safe_next("/challenges/iris?page=2#top") == "/challenges/iris?page=2#top"
    assert safe_next("/login?next=https://elsewhere.example") == "/login?next=https://elsewhere.example"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
        ("", "unknown"),
    ],
)
def test_one_customer_is_one_visitor(address: str, network: str):
    assert network_of(address) == network
