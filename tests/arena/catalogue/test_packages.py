"""Rows follow the packages on disk: what changes, what is asked for, what is kept."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from arena.catalogue.manifests import dump_manifest, manifest_of
from arena.catalogue.models import Challenge, ChallengeState, Dataset, DatasetState
from arena.catalogue.service import (
    get_challenge,
    list_challenges,
    page_of_challenges,
    record_report,
    set_deadline,
    set_state,
    sync_packages,
)
from arena.errors import Invalid, NotFound, NotReady
from challenges.catalogue import Package, find_packages
from challenges.manifest import Source, SourceFile
from challenges.messages import DataFile, PrepareReport
from challenges.texts import Text
from tests.factories import NOON, make_challenge, make_dataset, make_manifest

ROOT = Path(__file__).resolve().parents[3] / "challenges"
REAL = Source(
    Text("Real", "真"), "CC-BY-4.0", "https://example.org/licence", [SourceFile("https://example.org/a", "0" * 64, 1)]
)
DIGEST = "d" * 64


def package(slug: str = "flowers", text: str = "one", **changes: Any) -> Package:
    digest = hashlib.sha256(f"{slug}{text}{changes}".encode()).hexdigest()
    return Package(slug, Path(slug), make_manifest(**changes), {"en": text, "zh": text}, digest)


def sync(db: Session, *packages: Package) -> list[str]:
    return [dataset.version for dataset in sync_packages(db, {p.slug: p for p in packages})]


def report(dataset: Dataset, *, ready: bool = True) -> PrepareReport:
    files = [DataFile("train.csv", 3, DIGEST)]
    return PrepareReport(str(dataset.id), dataset.slug, ready=ready, digest=DIGEST, files=files, trace="boom")


def answer(db: Session, *, ready: bool = True) -> None:
    for dataset in db.scalars(select(Dataset).where(Dataset.state == DatasetState.QUEUED)).all():
        assert record_report(db, report(dataset, ready=ready))


@pytest.mark.parametrize("state", ["preparing"])
def test_only_open_and_closed_can_be_set(db: Session, state: str):
    sync(db, package())
    with pytest.raises(Invalid):
        set_state(db, "flowers", ChallengeState(state))


def test_a_challenge_without_data_cannot_be_opened(db: Session):
    sync(db, package())
    with pytest.raises(NotReady):
        set_state(db, "flowers", ChallengeState.OPEN)


def test_unknown_challenges_are_not_found(db: Session):
    for ask in (get_challenge, lambda s, slug: set_state(s, slug, ChallengeState.CLOSED)):
        with pytest.raises(NotFound):
            ask(db, "nothing")


def test_a_deadline_needs_a_zone_and_lies_behind_the_opening(db: Session):
    make_challenge(db, opens_at=NOON)
    for wrong in (NOON.replace(tzinfo=None) + dt.timedelta(days=1), NOON, NOON - dt.timedelta(days=1)):
        with pytest.raises(Invalid):
            set_deadline(db, "flowers", wrong)
        db.rollback()
    assert set_deadline(db, "flowers", NOON + dt.timedelta(days=1)).deadline == NOON + dt.timedelta(days=1)
    assert set_deadline(db, "flowers", None).deadline is None


def test_a_new_package_becomes_a_challenge_that_waits_for_its_data(db: Session):
    assert sync(db, package()) == ["offline-v1-1"]
    row = get_challenge(db, "flowers")
    assert (row.state, row.dataset, row.descriptions["zh"]) == (ChallengeState.PREPARING, None, "one")
    assert manifest_of(row) == make_manifest()


def test_doing_it_twice_changes_nothing(db: Session):
    assert sync(db, package()) == ["offline-v1-1"]
    assert sync(db, package()) == []
    answer(db)
    assert sync(db, package()) == []
    assert db.query(Dataset).count() == 1


def test_a_changed_text_updates_the_row_and_keeps_the_data(db: Session):
    sync(db, package())
    answer(db)
    assert sync(db, package(text="two")) == []
    row = get_challenge(db, "flowers")
    assert (row.descriptions["en"], row.package_digest) == ("two", package(text="two").digest)
    assert row.dataset is not None
    assert row.state is ChallengeState.OPEN


def test_a_new_generator_asks_for_new_data_and_the_old_stays_until_then(db: Session):
    sync(db, package())
    answer(db)
    assert sync(db, package(version=2)) == ["offline-v2-1"]
    row = get_challenge(db, "flowers")
    assert row.dataset is not None
    assert row.dataset.version == "offline-v1-1"
    answer(db, ready=False)
    assert row.dataset.version == "offline-v1-1"
    assert sync(db, package(version=2)) == ["offline-v2-2"]
    answer(db)
    assert row.dataset.version == "offline-v2-2"


def test_a_package_that_changes_while_its_data_is_being_made_asks_anew(db: Session):
    assert sync(db, package()) == ["offline-v1-1"]
    assert sync(db, package(text="two")) == ["offline-v1-2"]
    assert sync(db, package(text="two")) == []


def test_new_data_comes_from_the_source_in_use_while_the_package_has_it(db: Session):
    sync(db, package(sources={"real": REAL}))
    row = get_challenge(db, "flowers")
    make_dataset(db, row, "real-v1-1", source="real")
    assert sync(db, package(version=2, sources={"real": REAL})) == ["real-v2-1"]
    assert sync(db, package(version=3)) == ["offline-v3-1"]


def test_a_removed_package_closes_its_challenge_and_keeps_everything(db: Session):
    sync(db, package(), package("trees"))
    answer(db)
    assert sync(db, package("trees")) == []
    row = get_challenge(db, "flowers")
    assert (row.state, row.dataset is not None) == (ChallengeState.CLOSED, True)
    assert get_challenge(db, "trees").state is ChallengeState.OPEN
    sync(db, package(), package("trees"))
    assert row.state is ChallengeState.CLOSED
    assert set_state(db, "flowers", ChallengeState.OPEN).state is ChallengeState.OPEN


def test_dates_set_by_hand_stay_until_the_package_names_others(db: Session):
    sync(db, package(deadline=NOON))
    moved = NOON + dt.timedelta(days=3)
    set_deadline(db, "flowers", moved)
    sync(db, package(text="two", deadline=NOON))
    assert get_challenge(db, "flowers").deadline == moved
    sync(db, package(deadline=NOON + dt.timedelta(days=1)))
    assert get_challenge(db, "flowers").deadline == NOON + dt.timedelta(days=1)
    sync(db, package(opens_at=NOON))
    row = get_challenge(db, "flowers")
    assert (row.opens_at, row.deadline) == (NOON, None)


def test_the_order_is_that_of_the_path(db: Session):
    sync(db, package("zebra"), package("apple"))
    assert [row.slug for row in list_challenges(db)] == ["zebra", "apple"]
    sync(db, package("apple"), package("zebra"))
    assert [row.slug for row in list_challenges(db)] == ["apple", "zebra"]
    assert [row.slug for row in page_of_challenges(db, [0, "apple"], 5)] == ["zebra"]


def test_two_processes_at_once_make_each_row_once(sessions: sessionmaker[Session]):
    together = Barrier(3)
    made: list[list[str]] = []

    def run() -> None:
        with sessions() as session:
            together.wait()
            made.append(sync(session, package(), package("trees")))

    threads = [Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [[], [], ["offline-v1-1", "offline-v1-1"]]


def test_manifests_survive_the_database_with_their_dates(db: Session):
    zone = dt.timezone(dt.timedelta(hours=8))
    manifest = make_manifest(
        opens_at=NOON.astimezone(zone), deadline=NOON + dt.timedelta(days=1), sources={"real": REAL}
    )
    row = make_challenge(db, manifest=manifest)
    db.expire_all()
    assert manifest_of(row) == manifest
    assert row.manifest == dump_manifest(manifest)


def test_the_packages_that_ship_can_be_loaded(db: Session):
    packages = find_packages(ROOT)
    made = sync_packages(db, packages)
    assert [dataset.slug for dataset in made] == list(packages)
    for slug, package in packages.items():
        assert get_challenge(db, slug).manifest_text == (package.folder / "challenge.toml").read_text(encoding="utf-8")
    for row in db.scalars(select(Challenge)):
        assert manifest_of(row) == packages[row.slug].manifest
