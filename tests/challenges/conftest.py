"""Every challenge, prepared once per test run; the template among them, copied as a new challenge is."""

from __future__ import annotations

import pytest

from tests.challenges.workshop import ARCHIVES, COPY, MODELS, SLUGS, Prepared, Workshop


@pytest.fixture(scope="session")
def workshop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Where this run's challenges are; under xdist, one folder for all its processes."""
    base = tmp_path_factory.getbasetemp()
    is_worker = hasattr(request.config, "workerinput")
    return Workshop((base.parent if is_worker else base) / "workshop")


@pytest.fixture(params=[*SLUGS, COPY])
def prepared(request: pytest.FixtureRequest, workshop: Workshop) -> Prepared:
    """Each challenge in turn, with its offline data."""
    return workshop.prepare(request.param)


@pytest.fixture(params=[slug for slug in [*SLUGS, COPY] if slug not in (*MODELS, *ARCHIVES)])
def tabled(request: pytest.FixtureRequest, workshop: Workshop) -> Prepared:
    """Each challenge that takes tables of predictions."""
    return workshop.prepare(request.param)


@pytest.fixture(params=MODELS)
def modelled(request: pytest.FixtureRequest, workshop: Workshop) -> Prepared:
    """Each challenge that takes models."""
    return workshop.prepare(request.param)


@pytest.fixture(params=ARCHIVES)
def archived(request: pytest.FixtureRequest, workshop: Workshop) -> Prepared:
    """Each challenge that takes artefacts or programs."""
    return workshop.prepare(request.param)
