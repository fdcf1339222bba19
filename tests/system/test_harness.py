# SPDX-License-Identifier: ISC
"""The harness itself: broken off, it leaves nothing behind."""
import os
import signal
import subprocess
import sys
import unittest

import lib


def below(pid):
    """All processes that came of it and have not left it."""
    out, todo = [], [pid]
    while todo:
        kids = lib.children(todo.pop())
        out += kids
        todo += kids
    return out


def name(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="ascii") as f:
            return f.read().strip()
    except OSError:
        return ""


class Ended(unittest.TestCase):
    def ended_by(self, sig):
        p = subprocess.Popen(
            [sys.executable, os.path.join(lib.HERE, "run.py"),
             "--root", os.environ["SLACKMCP_ROOT"], "smoke"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        try:
            lib.wait_until("a worker runs", lambda: any(
                name(pid).startswith("slackmcpd:w") for pid in below(p.pid)), 60)
            all_of = below(p.pid)
        finally:
            p.send_signal(sig)
            status = p.wait(60 * lib.SLOW)
        lib.wait_until("all have gone", lambda: not [
            pid for pid in all_of if lib.alive(pid)], 40)
        return status

    def test_by_each_signal(self):
        for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(sig.name):
                self.assertEqual(self.ended_by(sig), 128 + sig)

    def test_killed(self):
        self.assertEqual(self.ended_by(signal.SIGKILL), -signal.SIGKILL)


if __name__ == "__main__":
    unittest.main()
