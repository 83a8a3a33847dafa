"""Trains a fixed linear model on a participant's columns, and scores what it says of the hidden rows."""

from __future__ import annotations

import warnings
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata  # type: ignore[import-untyped]
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from challenges._generators.grading import Given, Graded, Hidden, Side

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

DIRECTION, BEST = "max", 1.0
STEPS = 300
TWINS = 0.99
"""Columns that agree more than this say the same."""
FEWEST_ROWS = 20
"""Smaller groups are not told of."""
GROUPS = {"groups": ("slice_channel", "slice_date"), "passengers": ("slice_sex", "slice_class")}
"""Hidden columns by which rows are grouped, by the name of what is shown; a source has those of one name only."""
GROUP_NAMES = {
    "app": ("app", "应用（app）"),
    "web": ("web", "网页（web）"),
    "store": ("store", "门店（store）"),
    "phone": ("phone", "电话（phone）"),
    "(empty)": ("(empty)", "（空）"),
    "2023-01-02": ("as 2023-01-02", "形如 2023-01-02"),
    "02/01/2023": ("as 02/01/2023", "形如 02/01/2023"),
    "Jan 02 2023": ("as Jan 02 2023", "形如 Jan 02 2023"),
    "female": ("women", "女性"),
    "male": ("men", "男性"),
    "class 1": ("first class", "一等舱"),
    "class 2": ("second class", "二等舱"),
    "class 3": ("third class", "三等舱"),
}
"""Groups in the order to tell of them, with their names in English and Chinese; others follow as they are."""
MOST_TWINS = 15


def grade(given: Given, hidden: Hidden, side: Side) -> Graded:
    """Area under the ROC curve of the model's probabilities on one side.

    Args:
        given: Columns of `train` and `test`, of shapes (rows, k), in the order of the ids.
        hidden: Labels of the training rows; of the test rows in `answers`, with groups for diagnostics.
        side: The test rows to score.
    """
    train, test = given.arrays["train"], given.arrays["test"][side.rows]
    chances = predict(train, hidden["train"]["label"], test)
    answers = {name: column[side.rows] for name, column in hidden["answers"].items()}
    labels = answers["label"]
    score = float(roc_auc_score(labels, chances))
    return Graded(
        score,
        secondary={
            "log_loss": float(log_loss(labels, chances, labels=[0, 1])),
            "average_precision": float(average_precision_score(labels, chances)),
            "columns": float(train.shape[1]),
        },
        influence=find_influence(labels, chances, score),
        shown=show(given.columns["train"], train, test, chances, answers) if side.is_public else {},
    )


def predict(train: Floats, labels: Labels, test: Floats) -> Floats:
    """Probability of a 1 for each test row, by the fixed model; bounded columns keep its numbers finite."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=STEPS))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(train, labels)
        chances: Floats = model.predict_proba(test)[:, 1]
    return chances


def find_influence(labels: Labels, chances: Floats, score: float) -> Floats:
    """How each row moves the score: for a 1, the share of zeros below it, and for a 0 that of ones above it.

    Source: DeLong, DeLong and Clarke-Pearson, Comparing the areas under two or more correlated ROC curves,
    Biometrics 44, 1988.
    """
    is_one = labels == 1
    ones, zeros = int(is_one.sum()), int((~is_one).sum())
    among_all, among_own = rankdata(chances), np.empty(len(labels))
    among_own[is_one], among_own[~is_one] = rankdata(chances[is_one]), rankdata(chances[~is_one])
    passed = among_all - among_own
    share = np.where(is_one, passed / zeros, 1 - passed / ones)
    return np.asarray((share - score) * len(labels) / np.where(is_one, ones, zeros))


def show(names: list[str], train: Floats, test: Floats, chances: Floats, answers: dict[str, Any]) -> dict[str, Any]:
    """Each column by itself, columns that say nothing new, and the score in groups of rows."""
    alone = [float(roc_auc_score(answers["label"], column)) for column in test.T]
    best = sorted(zip(names, (max(score, 1 - score) for score in alone), strict=True), key=lambda pair: -pair[1])
    return {
        "alone": {
            "label": {"en": "AUC of the column alone (0.5 says nothing)", "zh": "单独一列的 AUC（0.5 表示毫无信息）"},
            "rows": [{"name": name, "value": score} for name, score in best],
        },
        "twins": {
            "label": {
                "en": "agreement with another column (1: the same; a constant column says nothing)",
                "zh": "与另一列的一致程度（1：相同；常数列毫无信息）",
            },
            "rows": find_twins(names, train),
        },
        **{
            of: {"label": {"en": "AUC", "zh": "AUC"}, "rows": score_groups(answers, chances, columns)}
            for of, columns in GROUPS.items()
        },
    }


def find_twins(names: list[str], train: Floats) -> list[dict[str, Any]]:
    """Constant columns, and pairs that agree in nearly all they say."""
    varied = train.std(0) > 0
    rows: list[dict[str, Any]] = [
        {"name": {"en": f"{name} is constant", "zh": f"{name} 是常数"}, "value": 1.0}
        for name, varies in zip(names, varied.tolist(), strict=True)
        if not varies
    ]
    kept = np.flatnonzero(varied).tolist()
    if len(kept) > 1:
        agreement = np.abs(np.corrcoef(train[:, kept].T))
        for i, j in combinations(range(len(kept)), 2):
            if agreement[i, j] > TWINS:
                rows.append({"name": f"{names[kept[i]]} / {names[kept[j]]}", "value": float(agreement[i, j])})
    return rows[:MOST_TWINS]


def score_groups(answers: dict[str, Any], chances: Floats, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    """The score in each group that is large enough and has both labels; of columns that there are."""
    rows: list[dict[str, Any]] = []
    order = {group: place for place, group in enumerate(GROUP_NAMES)}
    for name in (name for name in columns if name in answers):
        for group in sorted(set(answers[name].tolist()), key=lambda each: (order.get(each, len(order)), each)):
            chosen = answers[name] == group
            labels = answers["label"][chosen]
            if chosen.sum() >= FEWEST_ROWS and 0 < labels.sum() < len(labels):
                told = dict(zip(("en", "zh"), GROUP_NAMES[group], strict=True)) if group in GROUP_NAMES else group
                rows.append({"name": told, "value": float(roc_auc_score(labels, chances[chosen]))})
    return rows
