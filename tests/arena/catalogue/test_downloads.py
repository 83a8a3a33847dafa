"""Downloads over real HTTP: whole, in parts, unchanged, refused; and nothing but what the data lists."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import http.client
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from arena.catalogue.files import Part, Unsatisfiable, find_part
from arena.catalogue.models import Challenge
from arena.settings import Settings
from challenges.messages import DataFile
from tests.factories import make_challenge, make_dataset

CONTENT = bytes(range(256)) * 1200
DIGEST = hashlib.sha256(CONTENT).hexdigest()
ETAG = f'"{DIGEST}"'
URL = "/api/v1/challenges/flowers/files"
CHINESE = "数据 1.csv"


@pytest.fixture
def flowers(db: Session, settings: Settings) -> Challenge:
    """A challenge with three files: many bytes, none, and a Chinese name; secrets lie beside them."""
    blobs = Path(urlsplit(settings.storage_url).path)
    folder = blobs / "public" / "flowers" / "offline-v1-1"
    folder.mkdir(parents=True)
    files = {"train.csv": CONTENT, "empty.bin": b"", CHINESE: b"id,x\n"}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "answers.parquet").write_bytes(b"secret")
    vault = blobs.parent / "vault"
    vault.mkdir()
    (vault / "install_secret").write_bytes(b"secret")
    listed = [
        {"name": name, "size_bytes": len(content), "digest": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
    ]
    challenge = make_challenge(db)
    make_dataset(db, challenge, files=listed)
    return challenge


pytestmark = pytest.mark.usefixtures("flowers")


def ask(client: httpx.Client, name: str = "train.csv", **headers: str) -> httpx.Response:
    sent = {key.replace("_", "-"): value for key, value in headers.items()} | {"Accept-Encoding": "identity"}
    return client.get(f"{URL}/{name}", headers=sent)


NOT_LISTED = [
    "answers.parquet",
    "nothing",
    "..",
    "../../../../vault/install_secret",
    "..%2f..%2f..%2f..%2fvault%2finstall_secret",
    "%2e%2e/%2e%2e/%2e%2e/%2e%2e/vault/install_secret",
    "..%5c..%5cvault",
    "train.csv%00",
    "train.csv/",
    "./train.csv",
    "%2fetc%2fpasswd",
    "TRAIN.CSV",
]


def test_what_the_data_does_not_list_is_not_there(client: httpx.Client):
    parts = urlsplit(str(client.base_url))
    for name in NOT_LISTED:
        raw = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=10)
        raw.request("GET", f"{URL}/{name}")  # as it is: httpx would tidy the path up
        answer = raw.getresponse()
        body = answer.read()
        raw.close()
        assert answer.status == 404, name
        assert b"secret" not in body.replace(b"install_secret", b""), name


def test_unknown_challenges_are_not_found(client: httpx.Client):
    assert client.get(URL.replace("flowers", "trees")).status_code == 404
    assert client.get(URL.replace("flowers", "..%2fflowers")).status_code == 404


def test_nothing_is_served_before_the_opening(client: httpx.Client, db: Session, flowers: Challenge):
    flowers.opens_at = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    db.commit()
    for path in (URL, f"{URL}/train.csv"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (409, "not_started")


def test_nothing_is_served_before_it_is_prepared(client: httpx.Client, db: Session):
    make_challenge(db, "trees")
    for path in (URL, f"{URL}/train.csv"):
        answer = client.get(path.replace("flowers", "trees"))
        assert (answer.status_code, answer.json()["code"]) == (409, "not_ready")


@pytest.mark.parametrize("harm", ["cut", "gone"])
def test_a_file_that_is_not_as_prepared_is_not_sent(client: httpx.Client, settings: Settings, harm: str):
    path = Path(urlsplit(settings.storage_url).path) / "public/flowers/offline-v1-1/train.csv"
    if harm == "cut":
        path.write_bytes(CONTENT[:-1])
    else:
        path.unlink()
    assert ask(client).status_code == 404


def test_a_range_outside_of_the_file_is_refused(client: httpx.Client):
    for value in (f"bytes={len(CONTENT)}-", "bytes=999999999999-", "bytes=-0", f"bytes={10**17}-{10**17}"):
        answer = ask(client, Range=value)
        assert answer.status_code == 416, value
        assert answer.headers["content-range"] == f"bytes */{len(CONTENT)}"
        assert answer.json()["code"] == "range_unsatisfiable"


def test_every_range_of_an_empty_file_is_outside(client: httpx.Client):
    assert ask(client, "empty.bin", Range="bytes=0-").status_code == 416
    assert ask(client, "empty.bin").content == b""


NO_SINGLE_RANGE = (
    "bytes=",
    "bytes=-",
    "bytes=a-b",
    "items=0-1",
    "bytes=5-2",
    "bytes=0-1,4-5",
    "bytes=1",
    "0-1",
    f"bytes={'9' * 5000}-",
)


def test_what_is_no_single_range_gets_the_whole_file(client: httpx.Client):
    for value in NO_SINGLE_RANGE:
        answer = ask(client, Range=value)
        assert (answer.status_code, len(answer.content)) == (200, len(CONTENT)), value


def test_a_file_another_than_if_match_names_is_refused(client: httpx.Client):
    answer = ask(client, If_Match='"other"')
    assert (answer.status_code, answer.json()["code"]) == (412, "changed")
    assert ask(client, If_Match=f'"other", {ETAG}').status_code == 200


def test_the_whole_file_with_its_checksums(client: httpx.Client):
    answer = ask(client)
    assert answer.content == CONTENT
    digest = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
    assert answer.headers["etag"] == ETAG
    assert answer.headers["repr-digest"] == f"sha-256=:{digest}:"
    assert answer.headers["digest"] == f"sha-256={digest}"
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"


RANGES = [
    ("bytes=0-0", 0, 1),
    ("bytes=10-19", 10, 20),
    ("bytes=300000-", 300_000, len(CONTENT)),
    ("bytes=-5", len(CONTENT) - 5, len(CONTENT)),
    (f"bytes=-{10**9}", 0, len(CONTENT)),
    (f"bytes=100-{10**9}", 100, len(CONTENT)),
    ("BYTES = 1 - 2", 1, 3),
]


def test_a_single_range(client: httpx.Client):
    for value, start, end in RANGES:
        answer = ask(client, Range=value)
        assert answer.status_code == 206, value
        assert answer.content == CONTENT[start:end]
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"
        assert answer.headers["content-length"] == str(end - start)
        assert answer.headers["etag"] == ETAG


def test_a_download_that_broke_off_is_continued_only_for_the_same_file(client: httpx.Client):
    same = ask(client, Range="bytes=1000-", If_Range=ETAG)
    assert (same.status_code, same.content) == (206, CONTENT[1000:])
    for other in ('"other"', f"W/{ETAG}", "Sat, 29 Oct 1994 19:43:31 GMT"):
        assert ask(client, Range="bytes=1000-", If_Range=other).status_code == 200


def test_an_unchanged_file_is_not_sent_again(client: httpx.Client):
    for tag in (ETAG, f"W/{ETAG}", "*", f'"other", {ETAG}'):
        answer = ask(client, If_None_Match=tag, Range="bytes=0-1")
        assert (answer.status_code, answer.content) == (304, b""), tag
        assert answer.headers["etag"] == ETAG
    assert ask(client, If_None_Match='"other"').status_code == 200


def test_head_tells_what_get_would(client: httpx.Client):
    answer = client.head(f"{URL}/train.csv", headers={"Range": "bytes=0-1"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert (answer.headers["content-length"], answer.headers["etag"]) == (str(len(CONTENT)), ETAG)
    assert client.head(f"{URL}/nothing").status_code == 404


def test_names_in_any_script_survive(client: httpx.Client):
    (file,) = (file for file in client.get(URL).json()["files"] if file["name"] == CHINESE)
    answer = client.get(file["url"])
    assert answer.content == b"id,x\n"
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith("attachment; filename=\"__ 1.csv\"; filename*=UTF-8''%E6%95%B0")


def test_the_list_of_files(client: httpx.Client):
    found = client.get(URL).json()
    assert [file["name"] for file in found["files"]] == ["train.csv", "empty.bin", CHINESE]
    assert found["files"][0] == {
        "name": "train.csv",
        "size_bytes": len(CONTENT),
        "digest": DIGEST,
        "content_type": "text/csv; charset=utf-8",
        "url": f"{URL}/train.csv",
    }
    assert found["dataset"]["version"] == "offline-v1-1"


@given(st.integers(0, 50), st.integers(0, 60), st.none() | st.integers(0, 60))
def test_ranges_are_those_of_slices(size: int, first: int, last: int | None):
    file = DataFile("a", size, DIGEST)
    expected = b"x" * size
    asked = expected[first:] if last is None else expected[first : last + 1]
    header = {"range": f"bytes={first}-{'' if last is None else last}"}
    if last is not None and last < first:
        assert find_part(header, file) is None
    elif not asked:
        with pytest.raises(Unsatisfiable):
            find_part(header, file)
    else:
        assert find_part(header, file) == Part(first, first + len(asked))
