# SPDX-License-Identifier: ISC
"""What can go wrong with a call, and for which calls.  A fault is a dict:

which   method      "chat.postMessage", "oauth/v2/authorize" or "*"
        team        of the token, T… or E… (of the chain, in a refresh)
        where       {"argument": "value"}: all of these were sent so
        page        only the n-th page of a listing (1: without a cursor)
        skip        so many fitting calls go by first
        times       and then so many are hit: 1, or -1 for ever
what    kind        a row of KINDS, and what that one reads
        seconds     to wait first (of hang, stall, hold: in the middle)
        held        true: waits first until FakeSlack.release()
        effect      true: the call is carried out all the same;
                    "late": but only after `late` seconds
"""
import threading
import time

from args import as_json

GARBAGE = {"garbage": b"\x00\xff{{{ not json", "empty": b"", "array": b"[1,2,3]",
           "html": b"<!doctype html><title>Sorry</title><p>Oops"}


def normal(h, fault, answer):
    """slow (seconds), and what hold and repeat_cursor come to"""
    h.good(answer)


def status(h, fault, answer):
    """status (500), body, type, headers"""
    h.answer(fault.get("status", 500),
             fault.get("body", "upstream fault").encode(),
             fault.get("type", "text/plain"), fault.get("headers", {}))


def ratelimited(h, fault, answer):
    """429; retry_after: the header's value (1), None for no header"""
    h.fake.limits.said(h.row, fault.get("retry_after", 1))
    h.limited(fault.get("retry_after", 1))


def error(h, fault, answer):
    """ok:false with error, and extra"""
    h.answer(200, as_json({"ok": False, "error": fault["error"],
                           **fault.get("extra", {})}))


def reset(h, fault, answer):
    """the connection ends in a reset"""
    h.reset_connection()


def hang(h, fault, answer):
    """seconds (60) of silence, then a reset"""
    h.fake.sleep(fault.get("seconds", 60))
    h.reset_connection()


def half(h, answer):
    body = as_json(answer or {"ok": True, "x": "y" * 200})
    h.begin(200, "application/json", len(body))
    h.wfile.write(body[:len(body) // 2])
    h.wfile.flush()
    h.close_connection = True


def cut(h, fault, answer):
    """half of the answer, then the end"""
    half(h, answer)


def stall(h, fault, answer):
    """half of the answer, then seconds (60) of silence"""
    half(h, answer)
    h.fake.sleep(fault.get("seconds", 60))


def redirect(h, fault, answer):
    """302; to: a URL"""
    h.answer(302, b"", headers={
        "Location": fault.get("to", h.fake.url + "/elsewhere")})


def no_json(h, fault, answer):
    """200 with a body that is no answer"""
    kind = fault["kind"]
    h.answer(200, GARBAGE[kind],
             "text/html" if kind == "html" else "application/json")


def body(h, fault, answer):
    """200 with this body, text or JSON"""
    given = fault.get("body")
    h.answer(200, given.encode() if isinstance(given, str) else as_json(given),
             "application/json")


def repeat_cursor(h, fault, answer):
    """the page, with the cursor that came in as the next one"""
    cursor = h.row["form"].get("cursor") or \
        answer.get("response_metadata", {}).get("next_cursor", "")
    h.good({**answer, "response_metadata": {
        **answer.get("response_metadata", {}), "next_cursor": cursor}})


def hold(h, fault, do):
    """waits until FakeSlack.release(); effect: what waits is the answer, else the
    call as a whole"""
    if fault.get("effect"):
        do()
    h.fake.hold(h.row, fault.get("seconds", 60))
    h.good(do())


KINDS = {"slow": normal, "status": status, "ratelimited": ratelimited,
         "error": error, "reset": reset, "hang": hang, "cut": cut,
         "stall": stall, "redirect": redirect, "body": body,
         "repeat_cursor": repeat_cursor, "hold": hold,
         **dict.fromkeys(GARBAGE, no_json)}
WHOLE = ("slow", "repeat_cursor")       # carried out in any case
PAUSES = ("hang", "stall", "hold")      # read seconds themselves


def play(h, fault, do):
    """Answers a call as the fault wants; do carries it out and can be called
    again for the same answer."""
    kind, effect = fault["kind"], fault.get("effect")
    if fault.get("seconds") and kind not in PAUSES:
        h.fake.sleep(fault["seconds"])
    if kind == "hold":
        return hold(h, fault, do)
    if fault.get("held"):
        h.fake.hold(h.row, 60)
    answer = {}
    if effect == "late":
        later = threading.Timer(fault.get("late", 1), do)
        later.daemon = True
        later.start()
    elif effect or kind in WHOLE:
        answer = do()
    return KINDS[kind](h, fault, answer)


class Faults:
    """Those that are still to come, oldest first."""

    def __init__(self):
        self.lock, self.rows = threading.Lock(), []

    def add(self, row):
        if row.get("kind") not in KINDS:
            raise ValueError(f"kind is one of {', '.join(KINDS)}")
        with self.lock:
            self.rows.append({"method": "*", "times": 1, "skip": 0, **row})

    def clear(self):
        with self.lock:
            self.rows.clear()

    def take(self, call):
        """The fault of this row of the log, or None."""
        with self.lock:
            for row in self.rows:
                if not fits(row, call):
                    continue
                if row["skip"] > 0:
                    row["skip"] -= 1
                    continue
                row["times"] -= 1
                if row["times"] == 0:
                    self.rows.remove(row)
                return row
        return None


def fits(row, call):
    return (row["method"] in ("*", call["method"])
            and row.get("team") in (None, call["team"])
            and row.get("page") in (None, call.get("page"))
            and all(call["form"].get(k) == v
                    for k, v in row.get("where", {}).items()))
