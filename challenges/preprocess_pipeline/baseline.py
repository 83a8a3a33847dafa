"""A first solution for preprocess_pipeline: numbers as they are, gaps filled with the median, few words as 0 and 1.

It looks at each column without knowing what it means, and leaves out what it cannot read: dates, and names in many
spellings. It believes every number, too. What it leaves out and what it believes is where you can do better.

    python baseline.py --data preprocess_pipeline --out submission.zip
"""

from __future__ import annotations

import argparse
import zipfile
from pathlib import Path

import polars as pl

MOST_WORDS = 10
"""A column of more different words is left out."""
AMOUNT = r"^[¥$]?(\d+(?:\.\d+)?)(k?)$"
FEWEST_AMOUNTS = 0.9
"""Share of cells that must be amounts for a column of text to count as numbers."""


def encode(column: str, train: pl.DataFrame, test: pl.DataFrame) -> list[tuple[pl.Series, ...]]:
    """New columns for an old one, each for both tables; what they need to know comes from the training table alone."""
    both = (train[column], test[column])
    numbers = [to_numbers(values) for values in both]
    if numbers[0].is_not_null().mean() >= FEWEST_AMOUNTS * both[0].is_not_null().mean():  # type: ignore[operator]
        median = float(numbers[0].median())  # type: ignore[arg-type]
        return [tuple(values.fill_null(median) for values in numbers)]
    words = sorted(both[0].drop_nulls().unique().to_list())
    if len(words) > MOST_WORDS:
        return []
    return [tuple(mark_word(values, word) for values in both) for word in words]


def to_numbers(values: pl.Series) -> pl.Series:
    """Numbers, or amounts such as `¥7800` and `7.8k`; null for everything else."""
    if values.dtype.is_numeric():
        return values.cast(pl.Float64)
    amount = values.str.extract(AMOUNT, 1).cast(pl.Float64)
    factor = values.str.extract(AMOUNT, 2).replace_strict({"k": 1000.0}, default=1.0)
    return amount * factor


def mark_word(values: pl.Series, word: str) -> pl.Series:
    """1 where a cell is that word, else 0."""
    return (values == word).fill_null(value=False).cast(pl.Int8).alias(f"{values.name}_{word or 'empty'}")


def main(data: Path, out: Path) -> None:
    """Write the submission.

    Args:
        data: Folder with `train.csv` and `test.csv`.
        out: The zip archive to write.
    """
    train, test = (pl.read_csv(data / name, infer_schema_length=None) for name in ("train.csv", "test.csv"))
    pairs = [pair for column in test.columns if column != "id" for pair in encode(column, train, test)]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for place, (name, table) in enumerate((("train.csv", train), ("test.csv", test))):
            columns = [table["id"], *(pair[place] for pair in pairs)]
            archive.writestr(name, pl.DataFrame(columns).write_csv())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(), help="folder of the downloaded files")
    parser.add_argument("--out", type=Path, default=Path("submission.zip"), help="file to write")
    given = parser.parse_args()
    main(given.data, given.out)
