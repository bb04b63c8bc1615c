"""Refuse what a browser sends on behalf of a page that is not ours; before anything is done for it."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

FOREIGN: Final = "refused: sent by a page of another origin\n"


def is_foreign(request: Request) -> bool:
    """Return whether a browser sends this on behalf of a page that is not ours.

    Browsers say where a request comes from by Sec-Fetch-Site; older ones only by Origin. A browser sends
    the password that it knows with the request of any page, so the password alone proves nothing.
    """
    site = request.headers.get("sec-fetch-site", "same-origin")
    if site not in ("same-origin", "none"):
        return True
    origin = request.headers.get("origin")
    if origin is None:
        return False
    # As browsers write it, so that nothing has to be parsed: anybody may send what is no address.
    host = request.headers.get("host")
    return origin not in (f"http://{host}", f"https://{host}")
