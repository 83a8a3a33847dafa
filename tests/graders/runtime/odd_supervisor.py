"""The real supervisor over the odd grader."""

from __future__ import annotations

import sys

from graders.settings import get_settings
from graders.supervisor import Supervisor
from graders.tasks import connect
from graders.worker import set_up_logs

if __name__ == "__main__":
    set_up_logs("json")
    settings = get_settings()
    with connect(settings.redis_url) as redis:
        Supervisor(redis, [sys.executable, "-m", "tests.graders.runtime.odd_grader"], settings.stop_seconds).run()
