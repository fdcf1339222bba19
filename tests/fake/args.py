# SPDX-License-Identifier: ISC
"""Arguments of a call as Slack reads them, and its words for bad ones."""
import base64
import json
import re

TS = re.compile(r"^\d{1,12}\.\d{6}$")
TIME = re.compile(r"^\d+(\.\d+)?$")
KINDS = {  # kind of channel -> the word in scope names
    "public_channel": "channels", "private_channel": "groups",
    "mpim": "mpim", "im": "im"}


class SlackError(Exception):
    """ok:false with this word; extra goes into the answer."""

    def __init__(self, word, **extra):
        super().__init__(word)
        self.word, self.extra = word, extra


def said(*lines):
    """The part of an answer that explains."""
    return {"response_metadata": {"messages": list(lines)}}


def warned(*words):
    """The part of a good answer that warns."""
    return {"warning": ",".join(words),
            "response_metadata": {"warnings": list(words)}}


def need(form, *names):
    missing = [n for n in names if n not in form]
    if missing:
        raise SlackError("invalid_arguments", **said(
            *(f"[ERROR] missing required field: {n}" for n in missing)))


def number(form, name, default):
    try:
        return int(form.get(name) or default)
    except ValueError:
        raise SlackError("invalid_arguments", **said(
            f"[ERROR] {name} must be an integer")) from None


def limit_of(form, default, most):
    """Silly ones are adjusted, not refused."""
    n = number(form, "limit", default)
    return min(n if n > 0 else default, most)


def truth(form, name):
    return str(form.get(name, "")).lower() in ("true", "1")


def words(form, name, default=""):
    """A comma list, or a JSON array."""
    text = form.get(name) or default
    if text.startswith("["):
        try:
            return [str(x) for x in json.loads(text)]
        except ValueError:
            raise SlackError("invalid_array_arg") from None
    return [w.strip() for w in text.split(",") if w.strip()]


def nested(form, name, error):
    """A JSON value within a form, or None."""
    if not form.get(name):
        return None
    try:
        return json.loads(form[name])
    except ValueError:
        raise SlackError(error) from None


def kinds_of(form):
    kinds = words(form, "types", "public_channel")
    if not kinds or any(k not in KINDS for k in kinds):
        raise SlackError("invalid_types")
    return kinds


def ts_key(ts):
    """Orders time stamps, as integers."""
    s, _, f = ts.partition(".")
    return int(s), int((f + "000000")[:6])


def span(form):
    """oldest, latest, inclusive of a window, or Slack's error."""
    low, high = form.get("oldest") or "0", form.get("latest") or "9" * 12
    for name, v in (("oldest", low), ("latest", high)):
        if not TIME.match(v):
            raise SlackError("invalid_ts_" + name)
    return ts_key(low), ts_key(high), truth(form, "inclusive")


def b64(text):
    return base64.b64encode(text.encode()).decode()


def unb64(text, prefix):
    """What stands behind the prefix in a cursor."""
    try:
        plain = base64.b64decode(text, validate=True).decode()
    except ValueError:
        raise SlackError("invalid_cursor") from None
    if not plain.startswith(prefix):
        raise SlackError("invalid_cursor")
    return plain[len(prefix):]


def as_json(value):
    """JSON as Slack writes it: / escaped, non-ASCII as \\u."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode()
