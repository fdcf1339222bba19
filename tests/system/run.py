#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Runs the system tests against an installed program.

    run.py [--build DIR | --root DIR] [--jobs N] [--list] [--valgrind] [pattern …]

A pattern is a suite (start, test_start) or suite.Class.test.  Each suite is a
process of its own; the last line is "N passed, N failed".  Ended by a signal, it
leaves no process of a test behind.

With --again N, if no more than N tests failed, they run once more, alone: one that
passes then counts, and is told as unsteady, with its reason.  It is a fault to be
found all the same; only not one that keeps others waiting."""
import argparse
import concurrent.futures
import ctypes
import glob
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


ENDINGS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
PR_SET_PDEATHSIG = 1


def on_endings(fn):
    for sig in ENDINGS:
        signal.signal(sig, fn)


def interrupt(sig, _):
    """The one exception that unittest lets through; once is enough."""
    on_endings(signal.SIG_IGN)
    raise KeyboardInterrupt(sig)


class Result(unittest.TextTestResult):
    """Counts what passed, a class that does not start or end as one failed."""
    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


def name_of(test):
    """What --again runs of a test that failed: itself, or the class that did not
    begin or end."""
    test = getattr(test, "test_case", test)     # of a subTest
    if isinstance(test, unittest.TestCase):
        return test.id()
    return test.id().partition("(")[2].rstrip(")")


def run_one(names):
    """In the child: the tests of one suite."""
    on_endings(interrupt)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    sys.path.insert(0, HERE)
    import lib
    try:
        tests = unittest.defaultTestLoader.loadTestsFromNames(names)
        result = unittest.TextTestRunner(
            verbosity=2, resultclass=Result, stream=sys.stdout).run(tests)
    except KeyboardInterrupt:
        lib.Suite.clear_all()
        return 130
    failed = len(result.failures) + len(result.errors) + \
        len(result.unexpectedSuccesses)
    for test, why in result.skipped:
        print(f"skipped: {test}: {why}")
    for name in sorted({name_of(t) for t, _ in result.failures + result.errors}):
        print(f"again: {name}")
    print(f"= {result.passed} {failed} {len(result.skipped)}")
    return 1 if failed else 0


class Children:
    """The suites that run."""

    def __init__(self):
        self.running, self.ended = set(), False

    def run(self, names, limit):
        """What it said, and its status."""
        if self.ended:
            return "", 130
        p = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), "--one", *names],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace")
        self.running.add(p)
        try:
            return p.communicate(timeout=limit)[0], p.returncode
        except subprocess.TimeoutExpired:
            p.terminate()       # it ends its daemons
            try:
                text = p.communicate(timeout=60)[0]
            except subprocess.TimeoutExpired:
                p.kill()
                text = p.communicate()[0]
            return f"{text}\nno end after {limit} s\n", 124
        finally:
            self.running.discard(p)

    def end(self):
        self.ended = True
        for p in list(self.running):
            p.terminate()


def child(children, suite, names, limit):
    began = time.monotonic()
    text, rc = children.run(names, limit)
    passed, failed, skipped = 0, 1, 0
    last = text.rstrip().rpartition("\n")[2].split()
    if last[:1] == ["="] and len(last) == 4:
        passed, failed, skipped = map(int, last[1:])
    if rc != 0:
        failed = max(failed, 1)
    return suite, passed, failed, skipped, time.monotonic() - began, text


def pick(patterns):
    """suite -> names that unittest loads.  The largest first: they take long, and
    the last one to begin is waited for alone."""
    files = sorted(glob.glob(os.path.join(HERE, "test_*.py")), key=os.path.getsize)
    all_of = [os.path.basename(p)[:-3] for p in reversed(files)]
    if not patterns:
        return {s: [s] for s in all_of}
    out = {}
    for p in patterns:
        p = p if p.startswith("test_") else "test_" + p
        suite = p.partition(".")[0]
        if suite not in all_of:
            sys.exit(f"no suite {suite}; there are {' '.join(all_of)}")
        out.setdefault(suite, []).append(p)
    return out


def installed(build, root):
    done = subprocess.run(
        ["make", "-C", build, "install", f"DESTDIR={root}"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"make install failed:\n{done.stdout[-4000:]}")


def why(text):
    """Of what a suite said, its failures: they stand at the end."""
    start = text.find("\n" + "=" * 70)
    return "\n".join(text[start + 1:].splitlines()[-40:])


def lines(text, start):
    return [line for line in text.splitlines() if line.startswith(start)]


def tell(runs, verbose):
    """Each suite as it ends; how many tests passed, and what those said that failed:
    suite -> number, text."""
    passed, wrong = 0, {}
    for run in concurrent.futures.as_completed(runs):
        suite, good, bad, skipped, seconds, text = run.result()
        passed += good
        if bad or verbose:
            print(text)
        if bad:
            wrong[suite] = (bad, text)
        more = f", {skipped} skipped" if skipped else ""
        print(f"system {suite[5:]}: {good} ok, {bad} bad{more}, "
              f"{seconds:.1f} s", flush=True)
        for line in lines(text, ("skipped: ", "note: ")):
            print(line)
    return passed, wrong


def again(wrong, most, run):
    """How many pass now of those that failed; they are no longer wrong."""
    names = {suite: [line[7:] for line in lines(text, "again: ")]
             for suite, (_, text) in wrong.items()}
    if sum(map(len, names.values())) > most or not all(names.values()):
        return 0
    passed = 0
    for suite, failed in names.items():
        _, good, bad, _, _, text = run(suite, failed)
        if good and not bad:
            passed += len(failed)
            print(f"{why(wrong.pop(suite)[1])}\nunsteady: {' '.join(failed)}", flush=True)
        else:
            print(text)
    return passed


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", default="build")
    p.add_argument("--root", help="where it is installed already")
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--limit", type=int, default=600, help="seconds for a suite")
    p.add_argument("--valgrind", action="store_true",
                   help="the daemon runs under it; all takes ten times as long")
    p.add_argument("--again", type=int, default=0, metavar="N",
                   help="up to so many that failed may run once more")
    p.add_argument("--verbose", action="store_true")
    p.add_argument("--list", action="store_true")
    p.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    p.add_argument("patterns", nargs="*")
    a = p.parse_args()
    if a.one:
        return run_one(a.patterns)
    suites = pick(a.patterns)
    if a.list:
        print("\n".join(suites))
        return 0
    on_endings(interrupt)
    if a.valgrind:
        os.environ["SLACKMCP_VALGRIND"] = "1"
        os.environ.setdefault("SLACKMCP_SLOW", "10")
        a.limit *= 10
    children = Children()
    with tempfile.TemporaryDirectory(prefix="smd-root-", dir="/tmp") as tmp:
        os.chmod(tmp, 0o755)
        if a.root is None:
            installed(a.build, tmp)
            os.environ["SLACKMCP_BUILD"] = os.path.abspath(a.build)
        os.environ["SLACKMCP_ROOT"] = os.path.abspath(a.root or tmp)
        with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
            runs = [pool.submit(child, children, s, n, a.limit)
                    for s, n in suites.items()]
            try:
                passed, wrong = tell(runs, a.verbose)
                passed += again(wrong, a.again,
                                lambda s, n: child(children, s, n, a.limit))
            except KeyboardInterrupt as e:
                children.end()
                print(f"ended by signal {e.args[0]}", flush=True)
                return 128 + e.args[0]
    for suite, (_, text) in wrong.items():      # where the end is all one sees
        print(f"failed: {suite}\n{why(text)}")
    failed = sum(bad for bad, _ in wrong.values())
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
