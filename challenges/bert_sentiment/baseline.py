"""A first solution for bert_sentiment: logistic regression on runs of one to three characters.

Each run that stands in a review casts a vote, whose weight is learnt from the labelled reviews. It sees 不 before 清,
if that very pair was labelled; it cannot conclude that 并不 turns any word round. Words that no labelled review holds
have no vote at all, and the unlabelled reviews are left unread: there you can do better.

    python baseline.py --data bert_sentiment --out submission.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

LONGEST = 3
"""Characters of a run."""
INVERSE_PENALTY = 8.0
"""The larger, the closer the weights follow the labelled reviews."""


def main(data: Path, out: Path) -> None:
    """Learn from `train.csv`, write a label and a probability for each row of `test.csv`."""
    train, test = pl.read_csv(data / "train.csv"), pl.read_csv(data / "test.csv")
    vectors = TfidfVectorizer(analyzer="char", ngram_range=(1, LONGEST), min_df=2, sublinear_tf=True)
    known = vectors.fit_transform(train["text"].to_list())
    model = LogisticRegression(C=INVERSE_PENALTY, max_iter=1000).fit(known, train["label"].to_numpy())
    p = model.predict_proba(vectors.transform(test["text"].to_list()))[:, 1]

    votes = sorted(zip(model.coef_[0], vectors.get_feature_names_out(), strict=True))
    print("blame:", " ".join(run for _, run in votes[:10]))
    print("praise:", " ".join(run for _, run in votes[-10:]))
    pl.DataFrame({"id": test["id"], "label": (p > 0.5).astype(int), "p": p.round(4)}).write_csv(out)  # noqa: PLR2004
    print(f"wrote {len(test)} rows to {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.csv and test.csv")
    parser.add_argument("--out", type=Path, required=True, help="submission file to write")
    arguments = parser.parse_args()
    main(arguments.data, arguments.out)
