"""The API over real HTTP: refusals with their codes, who may see what, what is told and what never."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from redis import Redis
from sqlalchemy import event, update
from sqlalchemy.orm import Session

from arena.accounts.models import User
from arena.app import Site
from arena.submissions.models import Status, Submission
from arena.submissions.service import record
from challenges.manifest import Direction, Metric
from challenges.messages import Outcome, Verdict, WireFault
from challenges.phrases import Fact
from tests.arena.submissions.conftest import CONTENT, Desk
from tests.factories import (
    NOON,
    PASSWORD,
    bearer,
    make_admin,
    make_manifest,
    make_submission,
    make_team,
    make_token,
    make_user,
    to_json,
)

API = "/api/v1"
FLOWERS = f"{API}/challenges/flowers/submissions"


@pytest.fixture
def api(client: httpx.Client, desk: Desk, ada: User) -> httpx.Client:
    """Ada's program: a token that reads and submits."""
    client.headers.update(bearer(make_token(desk.db, ada)))
    return client


def put(api: httpx.Client, name: str = "mine.csv", content: Any = CONTENT, **headers: str) -> httpx.Response:
    return api.put(f"{FLOWERS}/{name}", content=content, headers={k.replace("_", "-"): v for k, v in headers.items()})


def code_of(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"].startswith("application/problem+json"), answer.text
    return answer.status_code, answer.json()["code"]


class TestRefusals:
    """Each has its own status and code, and leaves no file."""

    @pytest.fixture(autouse=True)
    def _nothing_stays(self, desk: Desk) -> Iterator[None]:
        yield
        assert desk.files() == []

    def test_without_a_token(self, client: httpx.Client, desk: Desk):
        assert desk.files() == []
        assert code_of(client.put(f"{FLOWERS}/a.csv", content=CONTENT)) == (401, "not_logged_in")
        assert code_of(client.post(FLOWERS, files={"file": CONTENT})) == (401, "not_logged_in")

    def test_with_a_token_that_only_reads(self, client: httpx.Client, desk: Desk, ada: User):
        reads = bearer(make_token(desk.db, ada, "read"))
        assert code_of(client.put(f"{FLOWERS}/a.csv", content=CONTENT, headers=reads)) == (403, "scope_missing")

    def test_an_unknown_challenge(self, api: httpx.Client):
        assert code_of(api.put(f"{API}/challenges/tulips/submissions/a.csv", content=CONTENT)) == (404, "not_found")

    def test_a_closed_challenge(self, api: httpx.Client, desk: Desk):
        desk.challenge.deadline = NOON
        desk.db.commit()
        assert code_of(put(api)) == (409, "challenge_closed")

    def test_an_empty_file(self, api: httpx.Client):
        assert code_of(put(api, content=b"")) == (422, "empty_upload")
        assert code_of(api.post(FLOWERS, files={"file": ("a.csv", b"")})) == (422, "empty_upload")

    def test_another_checksum(self, api: httpx.Client):
        assert code_of(put(api, X_Content_SHA256="0" * 64)) == (400, "upload_incomplete")

    def test_what_is_no_checksum_or_no_key(self, api: httpx.Client):
        for digest in ("0", "g" * 64, "0" * 65):
            assert code_of(put(api, X_Content_SHA256=digest)) == (422, "invalid"), digest
        for key in ("", "x" * 201):
            assert code_of(put(api, Idempotency_Key=key)) == (422, "invalid"), key

    def test_a_packed_body(self, api: httpx.Client):
        assert code_of(put(api, Content_Encoding="gzip")) == (415, "unsupported_type")

    def test_a_form_where_the_file_itself_belongs(self, api: httpx.Client):
        assert code_of(put(api, Content_Type="multipart/form-data; boundary=x")) == (415, "unsupported_type")

    def test_a_file_where_a_form_belongs(self, api: httpx.Client):
        endless = f"multipart/form-data; boundary={'x' * 300}"
        for kind in ("text/csv", "multipart/form-data", "application/x-www-form-urlencoded", "", endless):
            answer = api.post(FLOWERS, content=CONTENT, headers={"Content-Type": kind})
            assert code_of(answer) == (415, "unsupported_type"), kind

    def test_a_form_without_a_file(self, api: httpx.Client):
        answer = api.post(FLOWERS, files={"message": (None, "hello")})
        assert code_of(answer) == (422, "invalid")
        assert answer.json()["errors"][0]["field"] == "file"

    def test_a_file_in_another_field(self, api: httpx.Client):
        assert code_of(api.post(FLOWERS, files={"data": ("a.csv", CONTENT)})) == (422, "invalid")

    def test_two_files(self, api: httpx.Client):
        two = [("file", ("a.csv", CONTENT)), ("file", ("b.csv", CONTENT))]
        assert code_of(api.post(FLOWERS, files=two)) == (422, "invalid")

    def test_a_form_with_too_much_beside_the_file(self, api: httpx.Client):
        fields: Any = {"message": (None, "x" * 30_000), "file": ("a.csv", CONTENT)}
        assert code_of(api.post(FLOWERS, files=fields)) == (422, "invalid")
        many = [(f"field{n}", (None, "x")) for n in range(30)]
        assert code_of(api.post(FLOWERS, files=many)) == (422, "invalid")

    def test_a_form_that_breaks_off(self, api: httpx.Client):
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for body in (b"", b"nonsense", b"--x\r\n", head, head + b"id,species\r\n1,a", head + b"id\r\n--x\r\n"):
            answer = api.post(FLOWERS, content=body, headers={"Content-Type": "multipart/form-data; boundary=x"})
            assert code_of(answer) == (400, "upload_incomplete"), body

    def test_a_message_that_is_a_book(self, api: httpx.Client):
        assert code_of(api.put(f"{FLOWERS}/a.csv?message={'x' * 501}", content=CONTENT)) == (422, "invalid")
        fields: Any = {"file": ("a.csv", CONTENT), "message": (None, "x" * 501)}
        assert code_of(api.post(FLOWERS, files=fields)) == (422, "invalid")

    def test_a_browser_session_without_its_token(self, client: httpx.Client, desk: Desk):
        make_user(desk.db, "bob")
        client.post("/login", data={"username": "bob", "password": PASSWORD})
        assert code_of(client.put(f"{FLOWERS}/a.csv", content=CONTENT)) == (403, "csrf_failed")
        cross = {"Sec-Fetch-Site": "cross-site"}
        assert code_of(client.post(FLOWERS, files={"file": CONTENT}, headers=cross)) == (403, "csrf_failed")


def test_over_the_quota(api: httpx.Client):
    assert [put(api).status_code for _ in range(5)] == [201] * 5
    refused = put(api)
    assert code_of(refused) == (429, "quota_used")
    assert refused.json()["facts"]["limit"] == 5


def test_a_form_and_a_raw_body_are_taken_alike(api: httpx.Client, desk: Desk):
    raw = api.put(f"{FLOWERS}/mine.csv?message=first%20try", content=CONTENT)
    form = api.post(FLOWERS, files={"file": ("mine.csv", CONTENT), "message": (None, "first try")})
    for answer in (raw, form):
        assert answer.status_code == 201
        told = answer.json()
        assert answer.headers["location"] == told["links"]["self"]
        assert told["status"] == "queued"
        assert told["filename"] == "mine.csv"
        assert told["message"] == "first try"
        assert told["digest"] == hashlib.sha256(CONTENT).hexdigest()
        assert (told["challenge"], told["team"], told["user"]) == ("flowers", "ada", "ada")
        assert api.get(told["links"]["file"]).content == CONTENT
    assert form.json()["queue_position"] == 2
    assert desk.files() == ["mine.csv", "mine.csv"]


def test_names_in_addresses_lead_nowhere(api: httpx.Client, desk: Desk):
    names = {
        "..%5c..%5cboot.ini": "boot.ini",
        "%2e%2e": "submission",
        "%E9%A2%84%E6%B5%8B.csv": "预测.csv",
        "a%0d%0aX-Evil%3A%201.csv": "aX-Evil_ 1.csv",
        "x%23y%3Fz%00.csv": "x_y_z.csv",
    }
    for sent, stored in names.items():
        told = put_under(api, sent).json()
        assert told["filename"] == stored
        assert (desk.folder / "uploads" / told["id"] / stored).read_bytes() == CONTENT
    assert put_under(api, "..%2f..%2f..%2fetc%2fpasswd").status_code == 404
    assert desk.files() == sorted(names.values())


def put_under(api: httpx.Client, raw_name: str) -> httpx.Response:
    """Send a file under a name as it stands in the address, untouched by the client."""
    request = api.build_request("PUT", f"{FLOWERS}/x", content=CONTENT)
    request.url = request.url.copy_with(raw_path=f"{FLOWERS}/{raw_name}".encode())
    return api.send(request)


def test_names_in_forms_lead_nowhere(api: httpx.Client, desk: Desk):
    names = {
        "../../../etc/passwd": "passwd",
        "C:\\temp\\mine.csv": "mine.csv",
        "预测 é.csv": "预测 é.csv",
        "..": "submission",
        'a"b.csv': "a_22b.csv",
    }
    for sent, stored in names.items():
        told = api.post(FLOWERS, files={"file": (sent, CONTENT)}).json()
        assert told["filename"] == stored
    assert desk.files() == sorted(names.values())


def test_a_name_that_is_not_utf_8_is_read_byte_by_byte(api: httpx.Client):
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="pr\xe9dit.csv"\r\n\r\nid\r\n--x--\r\n'
    sent = api.post(FLOWERS, content=form, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert sent.json()["filename"] == "prédit.csv"


def test_a_download_is_saved_and_never_shown(api: httpx.Client):
    page = b"<script>alert(document.cookie)</script>"
    answer = api.get(put(api, "预测.html", page).json()["links"]["file"])
    assert answer.content == page
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert "filename*=UTF-8''%E9%A2%84%E6%B5%8B.html" in answer.headers["content-disposition"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-length"] == str(len(page))


def test_the_same_key_is_the_same_submission(api: httpx.Client, desk: Desk):
    first = put(api, Idempotency_Key="one")
    again = put(api, Idempotency_Key="one")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert code_of(put(api, content=b"other", Idempotency_Key="one")) == (409, "idempotency_mismatch")
    assert desk.files() == ["mine.csv"]


class TestSight:
    """Own submissions only; private scores after the reveal; traces never."""

    def test_another_teams_submission_is_not_there(self, api: httpx.Client, desk: Desk):
        eve = make_user(desk.db)
        theirs = desk.submit(eve)
        for path in ("", "/file", "/events"):
            assert code_of(api.get(f"{API}/submissions/{theirs.id}{path}")) == (404, "not_found")
            unknown = api.get(f"{API}/submissions/{uuid4()}{path}")
            assert code_of(unknown) == (404, "not_found")
        assert api.get(f"{API}/submissions").json()["items"] == []
        assert api.get(f"{API}/submissions/not-an-id").status_code == 404

    def test_a_member_sees_what_the_team_sent(self, api: httpx.Client, desk: Desk, ada: User):
        bob = make_user(desk.db, "bob")
        make_team(desk.db, desk.challenge, ada, bob)
        sent = desk.submit(bob)
        assert api.get(f"{API}/submissions/{sent.id}").json()["user"] == "bob"
        assert api.get(f"{API}/submissions/{sent.id}/file").content == CONTENT
        assert len(api.get(f"{API}/submissions").json()["items"]) == 1

    def test_an_admin_sees_every_submission_with_a_token_for_it(self, client: httpx.Client, desk: Desk, ada: User):
        sent = desk.submit(ada)
        admin = make_admin(desk.db)
        path = f"{API}/submissions/{sent.id}"
        assert client.get(path, headers=bearer(make_token(desk.db, admin, "read", "admin"))).status_code == 200
        assert client.get(path, headers=bearer(make_token(desk.db, admin, "read"))).status_code == 404
        assert client.get(path).status_code == 401

    def test_private_scores_stay_here_until_the_reveal(
        self, api: httpx.Client, desk: Desk, ada: User, redis: Redis, verdict: Callable[..., Verdict]
    ):
        sent = desk.submit(ada)
        record(desk.db, redis, verdict(sent, score=0.876543))
        paths = [f"{API}/submissions/{sent.id}", f"{API}/submissions", f"{API}/submissions/{sent.id}/events"]
        for path in paths:
            text = api.get(path).text
            assert "0.8765" in text
            assert "0.876543" not in text
            assert "0.438" not in text
            assert "0.123" not in text
            assert "grader-on-host-7" not in text
            assert "123456789" not in text
        desk.db.execute(update(type(desk.challenge)).values(deadline=NOON))
        desk.db.commit()
        told = api.get(paths[0]).json()
        assert (told["private_score"], told["private_secondary"]) == (0.4383, {"macro_f1": 0.1235})

    def test_a_second_metric_has_the_digits_that_it_declares(
        self, api: httpx.Client, desk: Desk, ada: User, redis: Redis, verdict: Callable[..., Verdict]
    ):
        second = Metric("macro_f1", Direction.MAX, ["species"], decimals=1)
        sent = desk.submit(ada)
        record(desk.db, redis, verdict(sent))
        changed = {"manifest": to_json(make_manifest(secondary=[second])), "package_digest": "d" * 64}
        desk.db.execute(update(type(desk.challenge)).values(deadline=NOON, **changed))
        desk.db.commit()
        assert api.get(f"{API}/submissions/{sent.id}").json()["private_secondary"] == {"macro_f1": 0.1}

    def test_a_trace_stays_here(
        self, api: httpx.Client, desk: Desk, ada: User, redis: Redis, verdict: Callable[..., Verdict]
    ):
        sent = desk.submit(ada)
        for attempt in (1, 2, 3):
            record(desk.db, redis, verdict(sent, Outcome.FAILED, attempt=attempt, trace="secret answer 42"))
        told = api.get(f"{API}/submissions/{sent.id}")
        assert told.json()["status"] == "failed"
        assert "secret" not in told.text
        assert "secret" not in api.get(f"{API}/submissions").text

    def test_faults_are_told_in_the_readers_language(
        self, api: httpx.Client, desk: Desk, ada: User, redis: Redis, verdict: Callable[..., Verdict]
    ):
        sent = desk.submit(ada)
        facts: dict[str, Fact] = {
            "row": 17,
            "column": "p",
            "value": "{x}<b>",
            "expected": "[0, 1]",
        }
        faults = [WireFault("out_of_range", facts), WireFault("of_tomorrow", {}), WireFault("missing_id", {})]
        record(desk.db, redis, verdict(sent, Outcome.REJECTED, faults=faults, fault_count=40))
        told = api.get(f"{API}/submissions/{sent.id}").json()
        assert told["faults"][0]["sentence"] == "Row 17: `p` is {x}<b>; it must lie in [0, 1]."
        assert told["faults"][0]["facts"] == facts
        assert "of tomorrow" in told["faults"][1]["sentence"]
        assert "missing id" in told["faults"][2]["sentence"]
        assert told["fault_count"] == 40


def test_a_list_in_parts_does_not_shift(api: httpx.Client, desk: Desk, ada: User):
    team = make_team(desk.db, desk.challenge, ada)
    sent = [str(make_submission(desk.db, team, ada, desk.dataset, status=Status.REJECTED).id) for _ in range(5)]
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = api.get(f"{API}/submissions", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        make_submission(desk.db, team, ada, desk.dataset, created_at=NOON.replace(year=2027))
    assert seen == sent[::-1]
    assert api.get(f"{API}/submissions?challenge=tulips").json()["items"] == []
    assert code_of(api.get(f"{API}/submissions?cursor=abc")) == (422, "invalid")


def test_an_upload_that_is_lost_is_not_found(api: httpx.Client, desk: Desk, ada: User):
    sent = desk.submit(ada)
    (desk.folder / sent.storage_key).unlink()
    assert code_of(api.get(f"{API}/submissions/{sent.id}/file")) == (404, "not_found")


def test_writes_are_counted(app: Site, api: httpx.Client):
    limits = app.state.limits
    limits.write = type(limits.write)(2, 1)
    codes = [put(api, content=b"").status_code for _ in range(3)]
    assert codes == [422, 422, 429]


def test_a_list_takes_the_same_few_queries_however_long(
    api: httpx.Client, app: Site, desk: Desk, ada: User, db: Session
):
    team = make_team(db, desk.challenge, ada)
    asked: list[str] = []
    event.listen(app.state.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    api.get(f"{API}/submissions")  # the first use of a token is noted
    counts = []
    for number in (1, 20):
        for _ in range(number):
            make_submission(db, team, ada, desk.dataset, public_score=0.5)
        asked.clear()
        assert len(api.get(f"{API}/submissions").json()["items"]) >= number
        counts.append(len(asked))
    assert counts[0] == counts[1]
    assert db.query(Submission).count() == 21
