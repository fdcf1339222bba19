# SPDX-License-Identifier: ISC
"""What one transaction changes in the store, however much it is (an import, a bulk
mark), every worker sees: the rows share a number and come in more pages than one."""
import concurrent.futures
import contextlib
import hashlib
import os
import sqlite3

import lib
from mcpclient import Modern
from test_store_faults import served_by

KEYS, INSTALLS = 1100, 450      # a page is 500 of the one, 200 of the other
HALVES = 2                      # of the installs: a key reaches one


class Bulk(lib.Suite):
    WORKERS = 2

    @classmethod
    def begin(cls):
        cls.d = cls.daemon(cls.fake(), workers=cls.WORKERS)
        cls.d.start()
        cls.teams = [f"T0BULK{i:05d}" for i in range(INSTALLS)]
        cls.keys = [f"sk_{i:043d}" for i in range(KEYS)]

    def change(self, *statements):
        """As one unit of the store: all rows with the same, new number."""
        with contextlib.closing(sqlite3.connect(
                os.path.join(self.d.state_dir, "slackmcpd.db"), 30 * lib.SLOW,
                isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("UPDATE changes SET n = n + 1")
            number = db.execute("SELECT n FROM changes").fetchone()[0]
            for sql, rows in statements:
                db.executemany(sql, [(*row, number) for row in rows])
            db.execute("COMMIT")

    def key_rows(self):
        for i, key in enumerate(self.keys):
            half = ",".join(self.teams[i % HALVES::HALVES])
            yield (f"k_{i}", f"n{i}", f"n{i}", hashlib.sha256(key.encode()).digest(), half)

    def to_each_worker(self, stack):
        """A connection that stays, to each of them."""
        clients, spare = {}, []

        def all_there():
            c = stack.enter_context(Modern(self.d))
            assert c.request("tools/list").status == 200
            pid = served_by(self.d, c.conn.sock)
            if clients.setdefault(pid, c) is not c:
                spare.append(c)         # open, so that the next goes elsewhere
            return len(clients) == self.WORKERS
        lib.wait_until("each worker has a connection", all_there)
        for c in spare:
            c.close()
        for c in clients.values():
            c.strict = True             # another one could be another worker's
        return list(clients.values())

    def served(self, client, keys):
        """Those of the keys that this worker takes."""
        def takes(key):
            client.key = key
            status = client.request("tools/list").status
            self.assertIn(status, (200, 401))
            return status == 200
        return [key for key in keys if takes(key)]

    def listed(self, client):
        """The workspaces that this worker knows to be live."""
        found = []
        for client.key in self.keys[:HALVES]:
            t = client.request("tools/call", {
                "name": "slack_list_workspaces", "arguments": {"format": "json"}})
            if t.status == 200:
                answer = t.json["result"]["structuredContent"]
                self.assertNotIn("more", answer)
                found += [team["id"] for team in answer["teams"]]
        return sorted(found)

    def test_all_see_all(self):
        with contextlib.ExitStack() as stack:
            clients = self.to_each_worker(stack)
            pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(len(clients)))
            self.change(
                ("INSERT INTO api_keys (id, name, live_name, hash, workspaces, role, toolsets,"
                 " channels_read, channels_write, rate, slack_user, made, expires, ended, state,"
                 " changed) VALUES (?, ?, ?, ?, ?, 'read', 'core', '', '', '', '', 1, 0, 0,"
                 " 'live', ?)", self.key_rows()),
                ("INSERT INTO installs (enterprise_id, team_id, app_id, team_name, team_url,"
                 " key_id, bot_token, refresh_token, expires, scopes, bot_user_id, bot_id,"
                 " installer, made, updated, ended, state, changed) VALUES ('', ?, 'A0APP00001',"
                 " 'bulk', '', '', x'', x'', 0, 'channels:read', 'U0BOT00001', 'B0BOT00001',"
                 " 'U0ADA00001', 1, 1, 0, 'live', ?)", ((t,) for t in self.teams)))
            for c in clients:
                lib.wait_until("a worker knows all installs",
                               lambda c=c: self.listed(c) == self.teams)
            for taken in pool.map(lambda c: self.served(c, self.keys), clients):
                self.assertEqual(taken, self.keys)

            # the operator's lists, which are read in pages too
            self.assertEqual(sorted(r["name"] for r in self.d.ctl_json("key", "list")
                                    if r["id"].startswith("k_")),
                             sorted(f"n{i}" for i in range(KEYS)))
            self.assertEqual(sorted(r["team"] for r in self.d.ctl_json("show", "installs")),
                             self.teams)

            # and all of it ends; a key that is not known costs 100 ms: some of them
            self.change(("UPDATE installs SET state = 'disabled', changed = ?", [()]))
            for c in clients:
                lib.wait_until("a worker knows that none is live",
                               lambda c=c: self.listed(c) == [])
            self.change(("UPDATE api_keys SET state = 'revoked', ended = 1, live_name = '!'"
                         " || id, changed = ? WHERE state = 'live'", [()]))
            for c in clients:
                lib.wait_until("a worker knows that they end", lambda c=c: not self.served(
                    c, self.keys[-1:]))
            for taken in pool.map(lambda c: self.served(c, self.keys[::50]), clients):
                self.assertEqual(taken, [])
