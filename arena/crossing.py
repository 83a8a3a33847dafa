"""Requests that cross sites: a browser tells where a form was sent from, and only our own pages may write.

Programs send neither header and carry no cookie that a stranger's page could use; they pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from arena.errors import CsrfFailed

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def check_origin(headers: Mapping[str, str], base_url: str) -> None:
    """Raise CsrfFailed where the browser says that the request began on another site.

    Args:
        headers: Of the request, with lower-case names.
        base_url: Where people reach the site.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise CsrfFailed
        return
    origin = headers.get("origin")
    if origin is None:
        return
    if origin.rstrip("/") == base_url.rstrip("/"):
        return
    if origin == "null" or urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
        raise CsrfFailed
