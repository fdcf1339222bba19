# SPDX-License-Identifier: ISC
"""The search for secrets where none may stand: in files of any size and in what
/proc shows of processes, in every spelling."""
import base64
import html
import json
import os
import re
import urllib.parse

SHORTEST = 8            # of a spelling that is looked for
LONG = 32
CHUNK = 1 << 20
ZEROS = bytes(CHUNK)


def trie(words):
    """A pattern for any of these words, all of one length."""
    by = {}
    for w in words:
        if w:
            by.setdefault(w[:1], set()).add(w[1:])
    parts = [re.escape(c) + trie(rest) for c, rest in sorted(by.items())]
    return parts[0] if len(parts) == 1 else \
        b"(?:" + b"|".join(parts) + b")" if parts else b""


def aligned(raw):
    """base64 of it within more text: what is the same whatever stands around."""
    for lead in range(3):
        coded = base64.b64encode(bytes(lead) + raw)
        yield coded[(0, 2, 3)[lead]:(len(raw) + lead) * 8 // 6]


def quoted(text):
    """As URLs, JSON and HTML write it."""
    percent = urllib.parse.quote(text, safe="")
    yield percent
    yield re.sub("%..", lambda m: m.group().lower(), percent)
    yield urllib.parse.quote_plus(text)
    for strict in (True, False):
        said = json.dumps(text, ensure_ascii=strict)[1:-1]
        yield said
        yield said.replace("/", "\\/")
    yield html.escape(text)
    yield html.escape(text).replace("&#x27;", "&#39;")


def spellings(value):
    """value: text, or bytes that are no text."""
    raw = value if isinstance(value, bytes) else value.encode()
    yield raw
    if len(raw) >= LONG:        # most of it is too much as well
        yield raw[:len(raw) * 5 // 8]
        yield raw[len(raw) * 3 // 8:]
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    for part in aligned(raw):
        yield part
        yield part.replace(b"+", b"-").replace(b"/", b"_")
    if isinstance(value, str):
        for text in quoted(value):
            yield text.encode()


class Secrets:
    """Every secret of the run, by what it is called."""

    def __init__(self):
        self.known, self.built = {}, None

    def add(self, name, value):
        if value and len(value) >= SHORTEST:
            self.known[value] = name
        return value

    def finder(self):
        """One pattern for the beginnings of all spellings, and what begins so."""
        if self.built is None or self.built[0] != len(self.known):
            by = {}
            for value, name in self.known.items():
                for s in spellings(value):
                    if len(s) >= SHORTEST:
                        by.setdefault(s[:SHORTEST], set()).add((s, name))
            self.built = len(self.known), re.compile(trie(by) or rb"(?!)"), by
        return self.built[1:]

    def find(self, data):
        """The names of those that stand in these bytes."""
        pattern, by = self.finder()
        found, at = set(), 0
        while m := pattern.search(data, at):
            found.update(name for s, name in by[m.group()]
                         if data.startswith(s, m.start()))
            at = m.start() + 1
        return found

    def find_in_file(self, path):
        """By chunks, each with the end of the one before; zeros are passed over."""
        found, rest = set(), b""
        longest = max((len(s) for by in self.finder()[1].values() for s, _ in by),
                      default=1)
        with open(path, "rb") as f:
            while chunk := f.read(CHUNK):
                if chunk == ZEROS[:len(chunk)]:
                    rest = b""
                    continue
                found |= self.find(rest + chunk)
                rest = chunk[-longest:]
        return found

    def search(self, folder, skip=()):
        """[(file, name of the secret)] for every file below the folder."""
        hits = []
        for base, _, files in os.walk(folder):
            for name in files:
                path = os.path.join(base, name)
                if name in skip or not os.path.isfile(path):
                    continue
                try:
                    hits += [(path, what) for what in self.find_in_file(path)]
                except FileNotFoundError:       # a job has just taken it away
                    continue
        return sorted(hits)

    def search_processes(self, pids, names=("environ", "cmdline")):
        """[(file of /proc, name of the secret)] of those that live."""
        hits = []
        for pid in pids:
            for name in names:
                path = f"/proc/{pid}/{name}"
                try:
                    with open(path, "rb") as f:
                        data = f.read()
                except OSError:
                    continue
                hits += [(path, what) for what in self.find(data)]
        return sorted(hits)
