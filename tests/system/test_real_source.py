"""Real data from the operator's command to a score: downloaded by a grader, verified, its licence shown first."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.installation import ARENA, Installation
from tests.real_data import needs_files
from tests.system.test_whole_way import download, make_predictions, register, wait_until_final

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("installation")]


@needs_files
def test_california_replaces_the_invented_city_and_is_scored(installation: Installation, tmp_path: Path):
    told = subprocess.run(
        [ARENA, "prepare", "house_prices", "--source", "real", "--accept-licence", "--data", str(installation.data)],
        env=installation.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    with register(installation, "californian") as client:
        deadline = time.monotonic() + 60
        while (dataset := client.get("/challenges/house_prices").json()["dataset"])["source"] != "real":
            assert time.monotonic() < deadline, dataset
            time.sleep(0.2)
        assert dataset["honour_system"] is True
        download(client, "house_prices", tmp_path)
        content = make_predictions("house_prices", tmp_path).read_bytes()
        sent = client.put("/challenges/house_prices/submissions/california.csv", content=content).json()
        final = wait_until_final(client, sent["id"])
        assert final["status"] == "scored", final
        assert final["public_score"] < 0.45
        board = client.get("/challenges/house_prices/leaderboard").json()
        assert [row["team"] for row in board["rows"]] == ["californian"]
