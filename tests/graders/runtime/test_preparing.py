"""Preparing data: what is refused, what is written where, and that the same secret makes the same bytes."""

from __future__ import annotations

import hashlib
import json
import stat
import subprocess
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import polars as pl
import pytest

from challenges._generators.keys import Keys
from challenges.errors import InvalidSource
from challenges.manifest import SourceFile, Split
from challenges.messages import PrepareReport, dump_message, parse_message
from graders.preparing import BrokenPackage, prepare, split_answers
from graders.publishing import BrokenVault, Shelves
from graders.sources import download_files, mirrored, name_of, read_list
from tests.graders.runtime.bucket import open_bucket
from tests.graders.runtime.installation import MANIFEST, PREPARE, Installation

VERSION = "offline-v1-1"


def everything(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("(hidden / 'answers.parquet').unlink()", "made no answers.parquet"),
        ("(public / 'images').mkdir()", "only plain files"),
        ("(public / 'link').symlink_to('/etc/passwd')", "only plain files"),
        ("(public / '.hidden').write_text('x')", "only plain files"),
        ("(public / 'sprouts.zip').write_text('x')", "sprouts.zip is made here"),
        ("[p.unlink() for p in public.iterdir()]", "no public file"),
        ("table.head(1).write_parquet(hidden / 'answers.parquet')", "too few"),
        ("table.rename({'id': 'key'}).write_parquet(hidden / 'answers.parquet')", "needs column 'id'"),
        ("table.with_columns(side=1).write_parquet(hidden / 'answers.parquet')", "no column 'side'"),
        ("table.select('id').write_parquet(hidden / 'answers.parquet')", "split.stratify"),
        ("raise RuntimeError('no luck')", "no luck"),
    ],
)
def test_a_package_that_makes_wrong_files_is_refused_and_leaves_nothing(
    place: Installation, statement: str, problem: str
):
    place.write_package(prepare=f"{PREPARE}    {statement}\n")
    with pytest.raises((BrokenPackage, RuntimeError), match=problem):
        prepare(place.prepare_job(), place.settings)
    assert set(everything(place.root)) - set(everything(place.root / "challenges")) >= {"vault/install_secret"}
    assert not list(place.blobs.rglob("*"))
    assert [p.name for p in place.vault.rglob("*")] == ["install_secret"]


def test_a_package_that_changed_since_it_was_asked_for_is_refused(place: Installation):
    with pytest.raises(BrokenPackage, match="has changed"):
        prepare(replace(place.prepare_job(), package_digest="0" * 64), place.settings)


def test_an_unknown_source_is_refused(place: Installation):
    with pytest.raises(BrokenPackage, match="no source 'real'"):
        prepare(replace(place.prepare_job(), source="real"), place.settings)


def test_public_and_hidden_files_go_to_their_own_stores(place: Installation):
    report = prepare(place.prepare_job(), place.settings)
    public, hidden = place.blobs / "public" / "sprouts" / VERSION, place.vault / "sprouts" / VERSION
    names = ["baseline.py", "challenge.toml", "sample_submission.csv", "train.csv", "sprouts.zip"]
    assert [file.name for file in report.files] == names
    assert set(everything(public)) == {file.name for file in report.files}
    assert set(everything(hidden)) == {"answers.parquet", "data_manifest.json"}
    for file in report.files:
        content = (public / file.name).read_bytes()
        assert (file.size_bytes, file.digest) == (len(content), hashlib.sha256(content).hexdigest())
        assert (public / file.name).stat().st_mtime == 0
    manifest = (hidden / "data_manifest.json").read_bytes()
    assert report.digest == hashlib.sha256(manifest).hexdigest()
    assert json.loads(manifest)["rows"] == {"public": 12, "private": 28}
    with zipfile.ZipFile(public / "sprouts.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            name: content for name, content in everything(public).items() if name != "sprouts.zip"
        }


def test_a_solution_is_published_as_a_script_and_as_a_notebook(place: Installation):
    script = '"""Better."""\n\n# %%\nprint("step 1 of 1")\n'
    (place.settings.challenges_dir / "sprouts" / "solution.py").write_text(script, encoding="utf-8")
    report = prepare(place.prepare_job(), place.settings)
    names = [file.name for file in report.files]
    assert names[-2:] == ["train.csv", "sprouts.zip"]
    assert {"solution.py", "solution.ipynb"} <= set(names)
    public = everything(place.blobs / "public" / "sprouts" / VERSION)
    assert public["solution.py"].decode() == script
    assert json.loads(public["solution.ipynb"])["cells"][1]["source"] == ['print("step 1 of 1")']


def test_a_solution_that_is_not_in_cells_is_refused(place: Installation):
    (place.settings.challenges_dir / "sprouts" / "solution.py").write_text("print(1)\n", encoding="utf-8")
    with pytest.raises(BrokenPackage, match=r"sprouts: solution\.py: the script has no docstring"):
        prepare(place.prepare_job(), place.settings)


def test_only_their_owner_can_read_the_secret_and_the_answers(place: Installation):
    prepare(place.prepare_job(), place.settings)
    for path in (place.vault / "install_secret", place.vault / "sprouts" / VERSION / "answers.parquet"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((place.vault / "sprouts" / VERSION).stat().st_mode) == 0o700


def test_the_same_secret_makes_the_same_bytes_and_another_one_other_answers(place: Installation, tmp_path: Path):
    reports, answers = [], []
    for name in ("one", "two", "three"):
        settings = place.settings.model_copy(
            update={
                "storage_url": (tmp_path / name / "blobs").as_uri(),
                "vault_url": (tmp_path / name / "vault").as_uri(),
            }
        )
        if name == "two":
            (tmp_path / "two" / "vault").mkdir(parents=True)
            (tmp_path / "two" / "vault" / "install_secret").write_bytes(
                (tmp_path / "one" / "vault" / "install_secret").read_bytes()
            )
        reports.append(prepare(place.prepare_job(), settings))
        answers.append((tmp_path / name / "vault" / "sprouts" / VERSION / "answers.parquet").read_bytes())
    assert reports[0].digest == reports[1].digest != reports[2].digest
    assert reports[0].files == reports[1].files
    assert answers[0] == answers[1] != answers[2]


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"id": ["a", "b"], "side": ["public", "private"]}, ""),
        ({"id": ["a", "b"], "side": ["public", "public"]}, "holds both sides"),
        ({"id": ["a", "b"], "side": ["public", "secret"]}, "holds both sides"),
        ({"id": ["a", "b"]}, "holds both sides"),
        ({"name": ["a", "b"], "side": ["public", "private"]}, "needs columns 'id'"),
    ],
)
def test_a_script_may_divide_the_rows_itself(tmp_path: Path, columns: dict[str, list[str]], problem: str):
    path = tmp_path / "answers.parquet"
    pl.DataFrame(columns).write_parquet(path)
    before = path.read_bytes()
    with pytest.raises(BrokenPackage, match=problem) if problem else nullcontext():
        split_answers(path, "id", Split(by_prepare=True), Keys(b"s" * 32, "c", 1))
    assert path.read_bytes() == before


def test_the_split_keeps_the_share_in_each_stratum(place: Installation):
    prepare(place.prepare_job(), place.settings)
    answers = pl.read_parquet(place.vault / "sprouts" / VERSION / "answers.parquet")
    for kind in ("bean", "pea"):
        rows = answers.filter(pl.col("kind") == kind)
        assert (rows["side"] == "public").sum() == round(0.3 * rows.height)


def test_what_is_made_is_not_made_again(place: Installation):
    first = prepare(place.prepare_job(), place.settings)
    before = {p: p.stat().st_ino for p in place.root.rglob("*")}
    again = prepare(place.prepare_job(), place.settings)
    assert (again.digest, again.files) == (first.digest, first.files)
    assert {p: p.stat().st_ino for p in place.root.rglob("*") if "__pycache__" not in p.parts} == {
        p: number for p, number in before.items() if "__pycache__" not in p.parts
    }


def test_the_same_version_of_another_package_is_made_anew(place: Installation):
    first = prepare(place.prepare_job(), place.settings)
    place.write_package(prepare=PREPARE.replace("ROWS = 40", "ROWS = 50"))
    second = prepare(place.prepare_job(), place.settings)
    assert second.digest != first.digest
    assert pl.read_parquet(place.vault / "sprouts" / VERSION / "answers.parquet").height == 50


def test_a_crash_between_the_two_stores_is_mended_by_the_next_run(place: Installation):
    report = prepare(place.prepare_job(), place.settings)
    (place.vault / "sprouts" / VERSION / "data_manifest.json").unlink()
    (place.vault / "sprouts" / f".{VERSION}-dead").mkdir()
    (place.vault / "sprouts" / f".{VERSION}-dead" / "answers.parquet").write_text("half")
    assert prepare(place.prepare_job(), place.settings).digest == report.digest
    left = {p.name for p in (place.vault / "sprouts").iterdir()} | {p.name for p in place.blobs.rglob(".*")}
    assert left == {VERSION, ".lock"}


def test_graders_that_start_together_agree_on_one_secret(tmp_path: Path):
    shelves = Shelves("file:///nowhere", (tmp_path / "vault").as_uri())
    with ThreadPoolExecutor(8) as pool:
        secrets = set(pool.map(lambda _n: shelves.load_secret(), range(32)))
    assert len(secrets) == 1
    assert [p.name for p in (tmp_path / "vault").iterdir()] == ["install_secret"]


def test_a_secret_of_another_length_is_refused(tmp_path: Path):
    (tmp_path / "install_secret").write_bytes(b"short")
    with pytest.raises(BrokenVault, match="5 bytes"):
        Shelves("file:///nowhere", tmp_path.as_uri()).load_secret()


PREPARE_IN_BUCKETS = """
import sys
from challenges.messages import PrepareJob, dump_message, parse_message
from challenges.messages import PrepareReport, dump_message, parse_message
from graders.preparing import prepare
from graders.settings import GraderSettings

job = parse_message(PrepareJob, sys.argv[1])
print(dump_message(prepare(job, GraderSettings())))
"""


def test_a_bucket_gets_the_same_files_and_the_data_manifest_last(place: Installation):
    place.settings = place.settings.model_copy(update={"storage_url": "s3://blobs", "vault_url": "s3://vault"})
    command = [sys.executable, "-c", PREPARE_IN_BUCKETS, dump_message(place.prepare_job())]
    with open_bucket() as bucket:
        said = [
            subprocess.run(command, env=place.environment | bucket.environment, check=True, capture_output=True).stdout
            for _ in range(2)
        ]
    first, second = (parse_message(PrepareReport, text.decode()) for text in said)
    assert (first.digest, first.files) == (second.digest, second.files)
    assert len(bucket.order) == len(set(bucket.order))  # the second run wrote nothing
    assert bucket.order[-1] == f"vault/sprouts/{VERSION}/data_manifest.json"
    assert len(bucket.objects["vault/install_secret"]) == 32
    for file in first.files:
        content = bucket.objects[f"blobs/public/sprouts/{VERSION}/{file.name}"]
        assert hashlib.sha256(content).hexdigest() == file.digest
    assert not place.blobs.exists()
    assert not place.vault.exists()


SOURCE = """
[sources.real]
title = {{ en = "Real", zh = "真" }}
licence = "CC0-1.0"
licence_url = "https://example.org"
files = [{{ url = "https://far.example/data/seeds%20v1.csv", digest = "{digest}", size_bytes = {size} }}]
"""
SEEDS = b"id,kind\n1,bean\n"


@pytest.fixture
def mirror(tmp_path: Path):
    """A web server on loopback that has one file."""
    (tmp_path / "www" / "data").mkdir(parents=True)
    (tmp_path / "www" / "data" / "seeds v1.csv").write_bytes(SEEDS)
    handler = partial(_Quiet, directory=str(tmp_path / "www"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_words: object) -> None:
        """Say nothing."""


def real_package(place: Installation, digest: str = hashlib.sha256(SEEDS).hexdigest(), size: int = len(SEEDS)) -> None:
    copy = "    (public / 'seeds.csv').write_bytes((raw / 'seeds v1.csv').read_bytes())\n"
    manifest = MANIFEST + SOURCE.format(digest=digest, size=size)
    place.write_package(prepare=PREPARE + copy, manifest=manifest)


def test_a_real_source_is_downloaded_verified_and_prepared(place: Installation, mirror: str):
    real_package(place)
    settings = place.settings.model_copy(update={"source_base_url": mirror})
    report = prepare(replace(place.prepare_job(), source="real"), settings)
    assert hashlib.sha256(SEEDS).hexdigest() in [file.digest for file in report.files]


@pytest.mark.parametrize(
    ("digest", "size", "problem"),
    [
        ("0" * 64, len(SEEDS), "has sha256"),
        (hashlib.sha256(SEEDS).hexdigest(), len(SEEDS) - 1, "is larger than"),
        (hashlib.sha256(SEEDS).hexdigest(), len(SEEDS) + 1, "were promised"),
    ],
)
def test_a_download_that_is_not_the_promised_one_is_refused(
    place: Installation, mirror: str, digest: str, size: int, problem: str
):
    real_package(place, digest, size)
    settings = place.settings.model_copy(update={"source_base_url": mirror})
    with pytest.raises(InvalidSource, match=problem):
        prepare(replace(place.prepare_job(), source="real"), settings)
    assert not list(place.blobs.rglob("*"))


def test_files_that_the_package_lists_are_downloaded_too(place: Installation, mirror: str):
    real_package(place)
    folder = place.settings.challenges_dir / "sprouts"
    text = (folder / "challenge.toml").read_text("utf-8")
    start = text.index("files = [{ url")
    (folder / "challenge.toml").write_text(text[:start] + 'files = []\nlisted = "more.txt"\n', "utf-8")
    line = f"{hashlib.sha256(SEEDS).hexdigest()} {len(SEEDS)} https://far.example/data/seeds%20v1.csv\n"
    (folder / "more.txt").write_text(line, "utf-8")
    settings = place.settings.model_copy(update={"source_base_url": mirror})
    report = prepare(replace(place.prepare_job(), source="real"), settings)
    assert hashlib.sha256(SEEDS).hexdigest() in [file.digest for file in report.files]


@pytest.mark.parametrize("content", [None, "0 1\n", "0 many https://far.example/a\n"])
def test_a_list_that_is_broken_or_missing_is_told_by_its_name(tmp_path: Path, content: str | None):
    if content is not None:
        (tmp_path / "more.txt").write_text(content, "utf-8")
    with pytest.raises(InvalidSource, match=r"more\.txt"):
        read_list(tmp_path / "more.txt")


def test_a_missing_file_and_an_absent_server_are_told(tmp_path: Path, mirror: str):
    missing = SourceFile(f"{mirror}/data/none.csv", "0" * 64, 1)
    with pytest.raises(InvalidSource, match="answers 404"):
        download_files([missing], tmp_path)
    with pytest.raises(InvalidSource, match="cannot be downloaded: ConnectError"):
        download_files([missing], tmp_path, "http://127.0.0.1:1")


@pytest.mark.parametrize("url", ["https://a.example/", "https://a.example/..", "https://a.example/x%2F..%2Fy"])
def test_a_url_that_ends_in_no_plain_name_is_refused(url: str):
    with pytest.raises(InvalidSource, match="plain file name"):
        name_of(SourceFile(url, "", 1))


def test_a_mirror_replaces_scheme_and_host_and_keeps_the_path():
    assert mirrored("https://far.example/a/b.csv?x=1", "http://near:8/pool/") == "http://near:8/pool/a/b.csv?x=1"
    with pytest.raises(InvalidSource, match="neither http nor https"):
        mirrored("file:///etc/passwd", "")
