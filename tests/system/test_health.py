# SPDX-License-Identifier: ISC
"""/health and /ready, of workers and of the master."""
import os
import signal
import sqlite3
import unittest

import lib
import mcpclient
from mcpclient import ask, get


class Health(lib.Suite):
    def health(self, d, path="/health", port=None):
        a = get(d, path, port=port)
        return a.status, a.json

    def test_shape(self):
        d = self.daemon().start()
        lib.wait_until("all workers are ready",
                       lambda: self.health(d)[1]["status"] == "ok", 20)
        for port in (d.port, d.admin_port):
            with self.subTest(port=port):
                status, body = self.health(d, port=port)
                self.assertEqual(status, 200)
                self.assertEqual(body["status"], "ok")
                self.assertEqual(body["reasons"], [])
                self.assertEqual(body["workers"], {"ready": 2, "configured": 2})
                self.assertIsInstance(body["version"], str)
                self.assertIsInstance(body["uptime_s"], int)
                self.assertEqual(self.health(d, "/ready", port)[0], 200)
                a = ask(d, "HEAD", "/health", port=port)
                self.assertEqual((a.status, a.body), (200, b""))
        # HAProxy's checks: HTTP/1.0 without Host
        for port in (d.port, d.admin_port):
            out = mcpclient.raw(d, b"GET /health HTTP/1.0\r\n\r\n", port=port)
            self.assertRegex(out, rb"^HTTP/1\.[01] 200 ")
            out = mcpclient.raw(d, b"OPTIONS / HTTP/1.0\r\n\r\n", port=port)
            self.assertRegex(out, rb"^HTTP/1\.[01] 20[04] ")
        d.stop()

    def test_all_workers_stopped(self):
        d = self.daemon(env={"STALE_TIMEOUT": "60"}).start()
        workers = d.workers()
        self.assertEqual(len(workers), 2)
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        try:
            def down():
                status, body = self.health(d, port=d.admin_port)
                return status == 503 and body
            body = lib.wait_until("the master says 503", down, 15)
            self.assertNotEqual(body["status"], "ok")
            self.assertEqual(body["workers"]["ready"], 0)
            self.assertTrue(body["reasons"])
        finally:
            for pid in workers:
                os.kill(pid, signal.SIGCONT)
        lib.wait_until("it is well again", lambda: self.health(
            d, port=d.admin_port)[0] == 200, 15)
        d.stop()

    def test_stale_worker_is_replaced(self):
        d = self.daemon(env={"STALE_TIMEOUT": "2"}).start()
        old = d.workers()
        os.kill(old[0], signal.SIGSTOP)
        lib.wait_until("a stopped worker is killed",
                       lambda: not lib.alive(old[0]), 15)
        lib.wait_until("and replaced", lambda: len(
            w := d.workers()) == 2 and old[0] not in w, 15)
        lib.wait_until("/health counts it", lambda: self.health(
            d)[1]["workers"]["ready"] == 2)
        d.stop()

    def test_a_stopped_workers_connections_go_to_the_other(self):
        d = self.daemon(env={"STALE_TIMEOUT": "60"}).start()
        stopped = d.workers()[0]
        os.kill(stopped, signal.SIGSTOP)
        try:
            # whatever slot the kernel picks, an answer comes
            for _ in range(20):
                self.assertEqual(get(d, "/health", timeout=10).status, 200)
        finally:
            os.kill(stopped, signal.SIGCONT)
        d.stop()

    def test_store_away(self):
        d = self.daemon(self.fake()).start()
        mcpclient.install(d)
        db = next(os.path.join(d.state_dir, f) for f in os.listdir(d.state_dir)
                  if f.endswith((".db", ".sqlite")))
        lib.wait_until("ready", lambda: get(d, "/ready").status == 200)
        for end in ("", "-wal", "-shm"):
            if os.path.exists(db + end):
                os.rename(db + end, db + end + ".away")
        os.mkdir(db)        # nothing can be opened there
        for pid in d.workers():
            os.kill(pid, signal.SIGKILL)
        try:
            lib.wait_until("/ready is 503", lambda: get(
                d, "/ready", fail=False).status == 503, 30)
            status, body = self.health(d)
            self.assertEqual((status, body["status"]), (200, "degraded"))
            self.assertTrue(body["reasons"])
        finally:
            os.rmdir(db)
            for end in ("", "-wal", "-shm"):
                if os.path.exists(db + end + ".away"):
                    os.rename(db + end + ".away", db + end)
        lib.wait_until("/ready is 200", lambda: get(
            d, "/ready", fail=False).status == 200, 40)
        d.stop()

    def test_store_away_at_start(self):
        """It goes on trying, and says so; workers serve degraded."""
        d = self.daemon(self.fake()).start()
        d.stop()
        name = next(f for f in os.listdir(d.state_dir) if f.endswith(".db"))
        db = sqlite3.connect(os.path.join(d.state_dir, name), isolation_level=None)
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("BEGIN EXCLUSIVE")
        d.spawn("-f")
        lib.wait_until("it says 503", lambda: get(
            d, "/ready", fail=False).status == 503, 30)
        status, body = self.health(d)
        self.assertEqual((status, body["status"]), (200, "degraded"))
        with mcpclient.Legacy(d) as c:      # the environment's key is known
            self.assertEqual(c.initialize().status, 200)
        db.execute("ROLLBACK")
        db.close()
        lib.wait_until("it is ready", lambda: get(
            d, "/ready", fail=False).status == 200, 60)
        self.assertEqual(mcpclient.install(d).status, 200)
        d.stop()


if __name__ == "__main__":
    unittest.main()
