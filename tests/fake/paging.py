# SPDX-License-Identifier: ISC
"""Pages of a list, and their cursors: `limit` is only a maximum."""
from args import SlackError, limit_of


def page_of(call, kind, things, default, most, keep=lambda t: True):
    """One page of things with an id, and response_metadata.  What keep refuses is
    dropped after the page is cut: short and empty pages are normal."""
    at = 0
    if call.form.get("cursor"):
        first = call.uncursor(kind)
        at = next((i for i, t in enumerate(things) if t.id == first), None)
        if at is None:
            raise SlackError("invalid_cursor")
    limit = min(limit_of(call.form, default, most), call.world.list_cap or most)
    rest = things[at + limit:at + limit + 1]
    page = [t for t in things[at:at + limit]
            if t.id not in call.world.cut_out and keep(t)]
    return page, {"response_metadata": {
        "next_cursor": call.cursor(kind, rest[0].id) if rest else ""}}
