"""A first solution for bayes_net: look for days like the one in question, and count.

Of the days in `train.csv` on which everything that the question mentions was seen and was the same, how many had the
target? The arrows of `structure.json` are not used, and most days are thrown away: there you can do better.

    python baseline.py --data bayes_net --out submission.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl

DOUBT = 1.0
"""Days that are added to each side, so that three days out of three do not become a certainty."""


def answer(train: pl.DataFrame, target: str, evidence: dict[str, int]) -> float:
    """Chance that `target` is 1, counted on the days that agree with the evidence."""
    days = train.drop_nulls(target)
    for name, value in evidence.items():
        days = days.filter(pl.col(name) == value)  # a gap is equal to nothing, so that such days drop out
    return (int(days[target].sum()) + DOUBT) / (days.height + 2 * DOUBT)


def main(data: Path, out: Path) -> None:
    """Count in `train.csv`, write a chance for each question of `test.csv`."""
    train = pl.read_csv(data / "train.csv")
    questions = pl.read_csv(data / "test.csv", schema_overrides=dict.fromkeys(train.columns, pl.Int64))

    chances = []
    for question in questions.iter_rows(named=True):
        evidence = {name: question[name] for name in train.columns if question[name] is not None}
        chances.append(answer(train, question["target"], evidence))

    pl.DataFrame({"id": questions["id"], "p": chances}).write_csv(out)
    print(f"wrote {len(chances)} rows to {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.csv and test.csv")
    parser.add_argument("--out", type=Path, required=True, help="submission file to write")
    arguments = parser.parse_args()
    main(arguments.data, arguments.out)
