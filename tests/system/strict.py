# SPDX-License-Identifier: ISC
"""JSON as the daemon has to take it and to write it, by Python's parser made
strict: what base/scan.h promises, said a second time by somebody else."""
import json
import math

DEPTH, MEMBERS, VALUES = 32, 256, 8192      # of scan.h
NUMBER, DIGITS = 64, 17


def text_is_fine(s):
    if "\0" in s:
        raise ValueError("a NUL")
    s.encode()                  # a lone surrogate cannot be


def members(pairs):
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError("a key twice")
    if len(pairs) > MEMBERS:
        raise ValueError("too many members")
    return out


def integer(s):
    if not -2**63 <= int(s) < 2**63:
        raise ValueError("no 64 bits")
    return int(s)


def fraction(s):
    mantissa = s.lower().partition("e")[0]
    digits = mantissa.replace("-", "").replace(".", "").strip("0")
    n = float(s)
    if len(s) > NUMBER or len(digits) > DIGITS:
        raise ValueError("too exact")
    if digits and (not math.isfinite(n) or abs(n) < 2.2250738585072014e-308):
        raise ValueError("too large or too small")
    return n


def constant(s):
    raise ValueError(s)


def walk(value, depth=0):
    if isinstance(value, str):
        text_is_fine(value)
    elif isinstance(value, (list, dict)):
        if depth == DEPTH:
            raise ValueError("too deep")
        for v in value.values() if isinstance(value, dict) else value:
            walk(v, depth + 1)
        for k in value if isinstance(value, dict) else ():
            text_is_fine(k)


def count(value):
    within = value.values() if isinstance(value, dict) else \
        value if isinstance(value, list) else ()
    return 1 + sum(count(v) for v in within)


def loads(data):
    """The value of these bytes; ValueError when they are no strict JSON."""
    text = data.decode("utf-8")
    if text.startswith("\ufeff"):
        raise ValueError("a mark in front")
    try:
        value = json.loads(text, parse_constant=constant, parse_int=integer,
                           parse_float=fraction, object_pairs_hook=members)
    except RecursionError:
        raise ValueError("much too deep") from None
    walk(value)
    if count(value) > VALUES:
        raise ValueError("too many values")
    return value


def is_strict(data):
    try:
        loads(data)
    except ValueError:
        return False
    return True
