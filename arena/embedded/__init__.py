"""PostgreSQL and Redis of an installation's own, from the binaries inside two wheels: for `arena up`, and for tests.

Both listen on a Unix socket that only their owner may open. Starting a server that runs already borrows it: whoever
started it stops it. A server ends with the process that started it, even when that is killed.
"""

from arena.embedded.postgres import find_postgres, start_postgres
from arena.embedded.processes import Server, ServerFailed
from arena.embedded.redis import find_redis, start_redis

__all__ = ["Server", "ServerFailed", "find_postgres", "find_redis", "start_postgres", "start_redis"]
