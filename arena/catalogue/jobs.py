"""What graders send to the catalogue, called by the scribe under the one name that may travel."""

from __future__ import annotations

from arena.catalogue.service import record_report
from arena.runtime import current
from challenges.messages import PrepareReport, parse_message


def record(text: str) -> None:
    """Write down what came of a preparation.

    Args:
        text: A `PrepareReport` as JSON.

    Raises:
        InvalidMessage: It is not one.
    """
    report = parse_message(PrepareReport, text)
    with current().sessions() as session:
        record_report(session, report)
