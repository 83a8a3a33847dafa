"""Data is asked for, sent until a report comes, and taken into use when it is ready."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from uuid import uuid4

import pytest
from redis import Redis
from sqlalchemy import update
from sqlalchemy.orm import Session

from arena import runtime
from arena.catalogue import jobs
from arena.catalogue.models import Challenge, ChallengeState, Dataset, DatasetState
from arena.catalogue.service import record_report, request_dataset, resend_datasets
from arena.errors import Invalid, NotFound
from arena.queues import Queues
from arena.settings import Settings
from challenges.errors import InvalidMessage
from challenges.manifest import Source, SourceFile
from challenges.messages import QUEUE_PREPARE, DataFile, PrepareReport, dump_message, prepare_job_id
from challenges.texts import Text
from tests.factories import make_challenge, make_dataset, make_manifest

DIGEST = "d" * 64
FILES = [DataFile("train.csv", 10, "a" * 64), DataFile("数据.zip", 20, "b" * 64)]
AWAY = "redis://127.0.0.1:1/0"
LATER = dt.timedelta(minutes=1)


def source(*, honour_system: bool) -> Source:
    file = SourceFile("https://example.org/a", "0" * 64, 1)
    return Source(Text("Real", "真"), "CC-BY-4.0", "https://example.org", [file], honour_system)


def report(dataset: Dataset, **changes: object) -> PrepareReport:
    facts = {"ready": True, "digest": DIGEST, "files": FILES, "seconds": 1.5} | changes
    return PrepareReport(**({"dataset_id": str(dataset.id), "slug": dataset.slug} | facts))  # type: ignore[arg-type]


@pytest.fixture
def queues(redis: Redis) -> Queues:
    return Queues(redis)


@pytest.fixture
def waiting(db: Session) -> Challenge:
    """A challenge whose first data is not there yet."""
    sources = {"real": source(honour_system=True), "own": source(honour_system=False)}
    return make_challenge(db, manifest=make_manifest(sources=sources), state=ChallengeState.PREPARING)


@pytest.mark.parametrize("name", ["nothing", "", "../real", "offline "])
def test_an_unknown_source_is_refused(db: Session, queues: Queues, waiting: Challenge, name: str):
    with pytest.raises(Invalid):
        request_dataset(db, queues, waiting.slug, name)
    assert not queues.lengths()[QUEUE_PREPARE]


def test_an_unknown_challenge_is_refused(db: Session, queues: Queues):
    with pytest.raises(NotFound):
        request_dataset(db, queues, "nothing", "offline")


def test_asking_sends_one_job_however_often(db: Session, queues: Queues, waiting: Challenge):
    first = request_dataset(db, queues, waiting.slug, "offline")
    again = request_dataset(db, queues, waiting.slug, "offline")
    assert (first.id, first.version) == (again.id, "offline-v1-1")
    assert queues.lengths()[QUEUE_PREPARE] == 1
    assert queues.position(QUEUE_PREPARE, prepare_job_id(str(first.id))) == 1


def test_versions_count_on_by_source_and_generator(db: Session, queues: Queues, waiting: Challenge):
    for _ in range(11):
        record_report(db, report(request_dataset(db, queues, waiting.slug, "offline")))
    assert request_dataset(db, queues, waiting.slug, "offline").version == "offline-v1-12"
    assert request_dataset(db, queues, waiting.slug, "real").version == "real-v1-1"


def test_the_honour_system_is_that_of_the_source(db: Session, queues: Queues, waiting: Challenge):
    found = {name: request_dataset(db, queues, waiting.slug, name).honour_system for name in ("offline", "real", "own")}
    assert found == {"offline": False, "real": True, "own": False}


def test_without_redis_the_row_waits_and_is_sent_later(db: Session, queues: Queues, waiting: Challenge):
    with Redis.from_url(AWAY) as away:
        dataset = request_dataset(db, Queues(away), waiting.slug, "offline")
    assert resend_datasets(db, queues, dataset.created_at + LATER) == 1
    assert resend_datasets(db, queues, dataset.created_at + LATER) == 0
    assert queues.lengths()[QUEUE_PREPARE] == 1


def test_an_emptied_redis_loses_no_preparation(db: Session, queues: Queues, redis: Redis, waiting: Challenge):
    dataset = request_dataset(db, queues, waiting.slug, "offline")
    redis.flushall()
    assert resend_datasets(db, queues, dataset.created_at) == 0
    assert resend_datasets(db, queues, dataset.created_at + LATER) == 1
    record_report(db, report(dataset))
    redis.flushall()
    assert resend_datasets(db, queues, dataset.created_at + LATER) == 0


@pytest.mark.parametrize("change", [{"dataset_id": str(uuid4())}, {"slug": "another"}])
def test_a_report_that_nobody_asked_for_changes_nothing(
    db: Session, queues: Queues, waiting: Challenge, change: dict[str, str]
):
    dataset = request_dataset(db, queues, waiting.slug, "offline")
    assert not record_report(db, report(dataset, **change))
    db.refresh(dataset)
    assert dataset.state is DatasetState.QUEUED


def test_a_report_counts_once(db: Session, queues: Queues, waiting: Challenge):
    dataset = request_dataset(db, queues, waiting.slug, "offline")
    assert record_report(db, report(dataset))
    assert not record_report(db, report(dataset, ready=False, trace="late"))
    db.refresh(dataset)
    assert dataset.state is DatasetState.READY


@pytest.mark.parametrize(
    "change",
    [
        {"digest": None},
        {"files": []},
        {"files": [DataFile("../answers.parquet", 1, DIGEST)]},
        {"files": [DataFile("a\\b", 1, DIGEST)]},
        {"files": [DataFile(".hidden", 1, DIGEST)]},
        {"files": [DataFile("a\nb", 1, DIGEST)]},
        {"files": [FILES[0], FILES[0]]},
        {"ready": False, "trace": None},
    ],
)
def test_a_report_that_cannot_be_served_is_a_failure(
    db: Session, queues: Queues, waiting: Challenge, change: dict[str, object]
):
    dataset = request_dataset(db, queues, waiting.slug, "offline")
    assert record_report(db, report(dataset, **change))
    db.refresh(dataset)
    db.refresh(waiting)
    assert (dataset.state, waiting.state) == (DatasetState.FAILED, ChallengeState.PREPARING)
    assert dataset.trace


def test_the_first_data_opens_its_challenge(db: Session, queues: Queues, waiting: Challenge):
    dataset = request_dataset(db, queues, waiting.slug, "offline")
    record_report(db, report(dataset))
    db.refresh(waiting)
    assert (waiting.state, waiting.dataset_id) == (ChallengeState.OPEN, dataset.id)
    assert (dataset.digest, dataset.seconds) == (DIGEST, 1.5)
    assert [file["name"] for file in dataset.files] == ["train.csv", "数据.zip"]
    assert dataset.ready_at is not None


def test_new_data_does_not_open_what_was_closed(db: Session, queues: Queues, waiting: Challenge):
    make_dataset(db, waiting)
    waiting.state = ChallengeState.CLOSED
    db.commit()
    record_report(db, report(request_dataset(db, queues, waiting.slug, "offline")))
    db.refresh(waiting)
    assert waiting.state is ChallengeState.CLOSED
    assert waiting.dataset is not None
    assert waiting.dataset.version == "offline-v1-2"


def test_failed_data_leaves_the_old_in_place(db: Session, queues: Queues, waiting: Challenge):
    current = make_dataset(db, waiting)
    record_report(db, report(request_dataset(db, queues, waiting.slug, "real"), ready=False, trace="no such file"))
    db.refresh(waiting)
    assert waiting.dataset_id == current.id


def test_an_older_report_that_comes_late_does_not_replace_newer_data(db: Session, queues: Queues, waiting: Challenge):
    old = request_dataset(db, queues, waiting.slug, "offline")
    new = request_dataset(db, queues, waiting.slug, "real")
    record_report(db, report(new))
    record_report(db, report(old))
    db.refresh(waiting)
    assert (waiting.dataset_id, old.state) == (new.id, DatasetState.READY)


def test_a_changed_package_asks_anew_although_one_is_under_way(db: Session, queues: Queues, waiting: Challenge):
    first = request_dataset(db, queues, waiting.slug, "offline")
    db.execute(update(Challenge).values(package_digest="e" * 64))
    db.commit()
    db.expire_all()
    assert request_dataset(db, queues, waiting.slug, "offline").id != first.id


@pytest.fixture
def scribe(settings: Settings) -> Iterator[None]:
    opened = runtime.open_runtime(settings)
    runtime.make_current(opened)
    yield
    opened.close()


@pytest.mark.usefixtures("scribe")
def test_the_scribe_records_a_report(db: Session, queues: Queues, waiting: Challenge):
    dataset = request_dataset(db, queues, waiting.slug, "offline")
    jobs.record(dump_message(report(dataset)))
    db.refresh(dataset)
    assert dataset.state is DatasetState.READY


@pytest.mark.usefixtures("scribe")
@pytest.mark.parametrize("text", ["", "{}", "[]", '{"protocol": 1, "dataset_id": 5}', '{"protocol": 9}'])
def test_the_scribe_refuses_what_is_no_report(text: str):
    with pytest.raises(InvalidMessage):
        jobs.record(text)


def test_a_report_of_something_without_an_id_changes_nothing(db: Session, queues: Queues, waiting: Challenge):
    dataset = request_dataset(db, queues, waiting.slug, "offline")
    assert not record_report(db, report(dataset, dataset_id="no id"))


def test_a_trace_that_no_text_column_holds_is_recorded_all_the_same(db: Session, queues: Queues, waiting: Challenge):
    dataset = request_dataset(db, queues, waiting.slug, "offline")
    assert record_report(db, report(dataset, ready=False, trace="a\0b\ud800c"))
    db.refresh(dataset)
    assert dataset.trace == "ab?c"
