"""The pages, as a browser without JavaScript gets them."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from arena.accounts.models import User
from arena.app import Site
from arena.catalogue.models import Challenge, ChallengeState
from arena.submissions.models import Status
from arena.teams.models import Team
from arena.vega import ADDRESS
from challenges.catalogue import SECTIONS
from tests.arena.pages.conftest import make_described, score
from tests.factories import PASSWORD, make_admin, make_dataset, make_manifest, make_submission, make_user
from tests.markup_laws import Page, check_page

CHINESE = {"Accept-Language": "zh-CN"}
PUBLIC = [
    "/",
    "/about",
    "/challenges",
    "/challenges?stage=networks&tag=tabular&state=open&q=flower",
    "/challenges?q=nothing-fits",
    "/challenges/flowers",
    "/challenges/prices",
    "/challenges/flowers/data",
    "/challenges/prices/data",
    "/challenges/flowers/leaderboard",
    "/challenges/prices/leaderboard",
    "/challenges/prices/leaderboard?board=private",
    "/login",
    "/register",
    "/api/v1/docs",
]
PERSONAL = [
    "/",
    "/challenges?state=passed",
    "/challenges/flowers/leaderboard",
    "/challenges/flowers/submit",
    "/challenges/flowers/submissions",
    "/settings",
    "/settings/password",
    "/settings/tokens",
]


def get(client: httpx.Client, path: str, **headers: str) -> Page:
    answer = client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    assert answer.status_code == 200, answer.text[:500]
    return check_page(answer.text)


def says(page: Page, words: str) -> bool:
    return words in re.sub(r"\s+", " ", " ".join(page.words))


@pytest.mark.usefixtures("contest")
@pytest.mark.parametrize("path", PUBLIC)
def test_a_public_page_is_well_formed_in_both_languages(client: httpx.Client, path: str):
    english, chinese = get(client, path), get(client, path, Accept_Language="zh-CN")
    assert (english.language, chinese.language) == ("en", "zh-Hans")
    assert not says(english, "登录")
    assert says(chinese, "登录")


@pytest.mark.parametrize("path", PERSONAL)
def test_a_personal_page_is_well_formed_in_both_languages(learner: httpx.Client, path: str):
    assert says(get(learner, path), "Log out")
    assert says(get(learner, path, Accept_Language="zh-CN"), "退出登录")


@pytest.mark.parametrize("path", ["/admin", "/admin/queue", "/admin/failures", "/admin/datasets", "/admin/users"])
def test_an_operators_page_is_well_formed_in_both_languages(
    client: httpx.Client, db: Session, path: str, contest: User
):
    team = db.scalars(select(Team).where(Team.name == contest.username, Team.slug == "flowers")).one()
    dataset = db.get_one(Challenge, "flowers").dataset
    assert dataset is not None
    failed = {"status": Status.FAILED, "attempt": 3, "trace": "Traceback: <here>"}
    make_submission(db, team, contest, dataset, **failed)
    make_admin(db)
    assert client.post("/login", data={"username": "root_admin", "password": PASSWORD}).status_code == 303
    assert says(get(client, path), "Operations")
    assert says(get(client, path, Accept_Language="zh-CN"), "运维")


FAULTS = [{"reason": "unknown_label", "facts": {"row": 3, "column": "species", "value": "<i>", "expected": "a, b"}}]


@pytest.mark.parametrize(
    ("columns", "english", "chinese"),
    [
        ({"public_score": 0.9, "public_error": 0.01}, "0.9000", "良好"),
        ({"status": Status.REJECTED, "faults": FAULTS, "fault_count": 9}, "it must be one of a, b", "第 3 行"),
        ({"status": Status.FAILED, "attempt": 3}, "Failed on our side", "系统故障"),
        ({"status": Status.QUEUED}, "In the queue", "排队中"),
        ({"status": Status.CANCELLED}, "Cancelled", "已取消"),
    ],
    ids=lambda value: str(value.get("status", "scored")) if isinstance(value, dict) else "",
)
def test_whatever_becomes_of_a_submission_is_a_well_formed_page(
    learner: httpx.Client, db: Session, columns: dict[str, Any], english: str, chinese: str
):
    team = db.scalars(select(Team).where(Team.name == "ada", Team.slug == "flowers")).one()
    person = db.scalars(select(User).where(User.username == "ada")).one()
    dataset = db.get_one(Challenge, "flowers").dataset
    assert dataset is not None
    made = make_submission(db, team, person, dataset, message="<b>note</b>", **columns)
    assert says(get(learner, f"/submissions/{made.id}"), english)
    assert says(get(learner, f"/submissions/{made.id}", Accept_Language="zh-CN"), chinese)


@pytest.mark.parametrize("path", ["/challenges/nowhere", "/challenges/nowhere/data", "/nowhere"])
def test_what_does_not_exist_is_a_page_of_its_own(client: httpx.Client, path: str):
    answer = client.get(path, headers=CHINESE)
    assert answer.status_code == 404
    assert says(check_page(answer.text), "未找到")


def test_an_empty_site_says_so(client: httpx.Client):
    assert says(get(client, "/"), "No challenges are installed yet.")
    assert says(get(client, "/challenges"), "No challenges are installed yet.")


class TestChallenge:
    """What a challenge is about, and its data."""

    @pytest.mark.usefixtures("contest")
    def test_every_section_is_told_once_on_one_of_two_pages(self, client: httpx.Client):
        overview, data = get(client, "/challenges/flowers"), get(client, "/challenges/flowers/data")
        told = [key for key in SECTIONS if key in overview.ids]
        assert {*told, "data", "submission"} == set(SECTIONS)
        assert {"about-data", "about-submission"} <= set(data.ids)

    def test_formulas_tables_and_code_are_drawn(self, client: httpx.Client, flowers: Challenge):
        text = client.get(f"/challenges/{flowers.slug}").text
        assert "<math" in text
        assert '<td class="num">2</td>' in text
        assert '<span class="nb">print</span>' in text

    def test_the_files_can_be_downloaded_one_by_one_and_all_at_once(self, client: httpx.Client, flowers: Challenge):
        page = get(client, f"/challenges/{flowers.slug}/data")
        root = "/api/v1/challenges/flowers/files/"
        assert [page.addresses.count(root + name) for name in ("train.csv", "flowers.zip")] == [1, 2]
        assert "ab" * 32 in client.get(f"/challenges/{flowers.slug}/data").text

    def test_programs_to_start_from_are_offered_in_the_readers_language(self, client: httpx.Client, db: Session):
        challenge = make_described(db, "solved", make_manifest())
        names = ("baseline.py", "challenge.toml", "solution.ipynb", "solution.py")
        make_dataset(db, challenge, files=[{"name": n, "size_bytes": 9, "digest": "cd" * 32} for n in names])
        page = get(client, "/challenges/solved/data")
        root = "/api/v1/challenges/solved/files/"
        counts = {name: page.addresses.count(root + name) for name in names}
        assert counts == {"baseline.py": 2, "challenge.toml": 1, "solution.ipynb": 2, "solution.py": 2}
        assert says(page, "solution.py – A stronger one, explained step by step")
        assert says(
            get(client, "/challenges/solved/data", Accept_Language="zh-CN"),
            "solution.ipynb – 同样的内容，做成 Jupyter 笔记本",
        )
        assert "starters" in page.ids

    def test_nothing_to_start_from_is_no_empty_list(self, client: httpx.Client, flowers: Challenge):
        assert "starters" not in get(client, f"/challenges/{flowers.slug}/data").ids

    def test_data_in_preparation_is_told(self, client: httpx.Client, db: Session):
        make_described(db, "soon", make_manifest(), state=ChallengeState.PREPARING)
        assert says(get(client, "/challenges/soon/data"), "The data is being prepared.")
        assert says(get(client, "/challenges/soon"), "as soon as the data is ready")

    def test_a_description_of_another_form_is_shown_whole(self, client: httpx.Client, db: Session):
        make_described(db, "odd", make_manifest(), descriptions={"en": "Just *text*.", "zh": "文字。"})
        page = get(client, "/challenges/odd")
        assert says(page, "Just text .")
        assert {"overview", "evaluation", "timeline"} <= set(page.ids)


class TestLeaderboard:
    """Standings with what lies between them."""

    def test_rows_levels_and_baselines_stand_in_order(self, learner: httpx.Client):
        text = re.sub(r"<[^>]*>", "\n", learner.get("/challenges/flowers/leaderboard").text.split("<tbody>")[1])
        order = [text.index(word) for word in ("grace", "Excellent", "Good", "ada", "Passing", "Most frequent", "bold")]
        assert order == sorted(order)

    @pytest.mark.usefixtures("contest")
    def test_a_name_is_only_text(self, client: httpx.Client):
        assert "<b>bold" not in client.get("/challenges/flowers/leaderboard").text

    def test_ones_own_place_is_marked_and_told_apart(self, learner: httpx.Client):
        page = get(learner, "/challenges/flowers/leaderboard")
        assert "me" in page.ids
        assert says(page, "Your rank 2 of 3")

    @pytest.mark.usefixtures("contest")
    def test_a_visitor_has_no_place(self, client: httpx.Client):
        page = get(client, "/challenges/flowers/leaderboard")
        assert "me" not in page.ids
        assert not says(page, "Your rank")

    @pytest.mark.usefixtures("contest")
    def test_the_private_board_stays_shut_without_a_deadline(self, client: httpx.Client):
        assert client.get("/challenges/flowers/leaderboard?board=private").status_code in (403, 409)
        assert "board=private" not in client.get("/challenges/flowers/leaderboard").text

    @pytest.mark.usefixtures("contest")
    def test_the_curve_can_be_read_without_seeing_it(self, client: httpx.Client):
        page = get(client, "/challenges/flowers/leaderboard")
        assert says(page, "Show as a table")
        assert "curves" in page.ids

    @pytest.mark.parametrize("query", ["page=0", "page=99", "page=x", "board=secret"])
    @pytest.mark.usefixtures("contest")
    def test_a_page_that_is_not_there_is_refused(self, client: httpx.Client, query: str):
        assert client.get(f"/challenges/flowers/leaderboard?{query}").status_code in (404, 422)

    def test_an_empty_board_invites(self, client: httpx.Client, flowers: Challenge):
        page = get(client, f"/challenges/{flowers.slug}/leaderboard")
        assert says(page, "The first place is free.")


class TestHome:
    """The path with one's own progress."""

    def test_a_learner_sees_medals_and_what_is_left(self, learner: httpx.Client):
        page = get(learner, "/")
        assert says(page, "2 of 2 challenges passed.")
        assert says(page, "Passing")
        assert says(page, "0.7000")

    @pytest.mark.usefixtures("contest")
    def test_recent_results_are_the_best_of_their_teams(self, client: httpx.Client):
        page = get(client, "/")
        assert says(page, "0.7000")
        assert not says(page, "0.6000")

    def test_the_list_narrows(self, learner: httpx.Client):
        assert says(get(learner, "/challenges?state=untried"), "No challenge fits.")
        assert not says(get(learner, "/challenges?q=花"), "Prices")
        assert says(get(learner, "/challenges?state=closed"), "Prices")


class TestChoices:
    """Language and theme, without JavaScript."""

    def test_the_language_is_remembered(self, client: httpx.Client):
        answer = client.post("/language", data={"language": "zh_Hans", "next": "/about?x=1"})
        assert answer.headers["location"] == "/about?x=1"
        assert get(client, "/about").language == "zh-Hans"

    def test_the_theme_is_remembered(self, client: httpx.Client):
        client.post("/theme", data={"theme": "dark", "next": "/"})
        assert 'data-theme="dark"' in client.get("/about").text

    def test_a_notice_is_told_once_and_only_a_known_one(self, client: httpx.Client):
        told = client.get("/about?notice=logged_out&a=b").text
        assert "You are logged out." in told
        assert 'name="next" value="/about?a=b"' in told
        assert "made-up" not in client.get("/about?notice=made-up").text


class TestCost:
    """How many questions a page asks of the database, however much there is to show."""

    @pytest.mark.parametrize(("path", "most"), [("/", 4), ("/challenges", 3), ("/challenges/flowers/leaderboard", 9)])
    def test_a_page_asks_as_much_for_many_as_for_few(
        self, app: Site, learner: httpx.Client, db: Session, path: str, most: int
    ):
        few = self.count(app, learner, path)
        for number in range(5):
            made = make_described(db, f"more{number}", make_manifest())
            make_dataset(db, made)
            score(db, made, make_user(db), 0.5)
            score(db, db.get_one(Challenge, "flowers"), make_user(db), 0.5 + number / 100)
        assert self.count(app, learner, path) <= few <= most

    @staticmethod
    def count(app: Site, client: httpx.Client, path: str) -> int:
        asked: list[str] = []

        def hear(*arguments: object) -> None:
            asked.append(str(arguments[2]))

        assert client.get(path).status_code == 200
        event.listen(app.state.engine, "before_cursor_execute", hear)
        try:
            assert client.get(path).status_code == 200
        finally:
            event.remove(app.state.engine, "before_cursor_execute", hear)
        return len([sentence for sentence in asked if sentence.lstrip().upper().startswith("SELECT")])


class TestScripts:
    """Scripts and style sheets, as a page names them."""

    def test_what_a_page_names_is_there_and_may_be_kept_for_ever(self, client: httpx.Client):
        named = [address for address in get(client, "/").addresses if address.startswith("/static/")]
        assert named
        for address in named:
            answer = client.get(address)
            assert answer.status_code == 200
            assert "immutable" in answer.headers["cache-control"]

    def test_vega_comes_small_where_the_browser_takes_it(self, client: httpx.Client):
        packed = client.head(ADDRESS, headers={"Accept-Encoding": "gzip"})
        plain = client.head(ADDRESS, headers={"Accept-Encoding": "identity"})
        assert packed.headers["content-encoding"] == "gzip"
        assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 2
        assert "Accept-Encoding" in plain.headers["vary"]
        assert plain.headers["content-type"].startswith("text/javascript")
