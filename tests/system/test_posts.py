# SPDX-License-Identifier: ISC
"""Posts: one message for one call, whatever Slack's answer comes to; and what is
written is what was meant."""
import concurrent.futures
import html
import http.client
import os
import re
import socket
import sqlite3
import threading
import time

import lib
import mcpclient
import test_mariadb
from mcpclient import Legacy, Modern

TEAM = "T0ACME0001"
RANDOM = "CARANDOM01"
POST = "chat.postMessage"
HANG = {"seconds": 60}
# the fault, and what more it takes; each is tried without and with effect
FAULTS = (("reset", {}), ("hang", HANG), ("stall", HANG), ("cut", {}),
          ("empty", {}), ("html", {}),
          ("garbage", {}), ("array", {}), ("status", {"status": 500}),
          ("status", {"status": 503}), ("error", {"error": "internal_error"}))


class Posting(lib.Suite):
    """One workspace; posts of texts that can be told apart."""
    ENV = {"UPSTREAM_TIMEOUT": "2"}

    @classmethod
    def begin(cls):
        cls.slack = cls.fake()
        cls.team = cls.slack.world.teams[TEAM]
        cls.d = cls.daemon(cls.slack, env={"DIRECTORY": "on", **cls.ENV}).start()
        mcpclient.install(cls.d)
        mcpclient.known(cls.d, TEAM)

    def setUp(self):
        self.since = self.slack.mark()

    def tearDown(self):
        self.slack.faults.clear()
        self.slack.release()
        self.slack.world.rewrites = False

    def post(self, text, channel=RANDOM, daemon=None, **args):
        with Modern(daemon or self.d) as c:
            return c.tool("slack_post_message", channel_id=channel, text=text,
                          **{"team_id": TEAM, **args})

    def sent(self, text=None):
        return [c for c in self.slack.calls(POST, self.since)
                if text in (None, c["form"].get("text"))]

    def asked(self):
        """What Slack was asked for these calls: the directory and what auth.test says
        are fetched beside them."""
        return [c["method"] for c in self.slack.calls(since=self.since) if c["method"]
                not in ("conversations.list", "users.list", "auth.test")]

    def stored(self, text, channel=RANDOM):
        return [m["ts"] for m in self.team.channels[channel].messages
                if m["text"] == text]

    def row_of(self, key, change):
        """The ledger's row of that idempotency key, once it knows of the post, is not
        what it was."""
        name, = (f for f in os.listdir(self.d.state_dir) if f.endswith(".db"))
        db = sqlite3.connect(os.path.join(self.d.state_dir, name), timeout=10)
        sql = f"UPDATE posts SET {change} WHERE call_key = ? AND state = 'posted'"

        def changed():
            with db:
                return db.execute(sql, ("k:" + key,)).rowcount == 1
        lib.wait_until("the row is told", changed)
        db.close()

    def together(self, fn, rows):
        """All at the same time: most of a row is waiting."""
        with concurrent.futures.ThreadPoolExecutor(len(rows)) as pool:
            for row, done in [(r, pool.submit(fn, *r)) for r in rows]:
                with self.subTest(row):
                    done.result()

    def check_posted(self, t, ts, *words):
        self.assertTrue(t.ok, t)
        self.assertEqual(t.ts(), ts, t)
        for w in words:
            self.assertRegex(t.text, w)

    def check_unknown(self, t):
        """Unknown, or open still: nothing that says it was not posted."""
        self.assertTrue(t.error, t)
        self.assertIsNone(t.rpc, t)
        self.assertRegex(t.text, "(?i)unknown|may have been posted")
        self.assertRegex(t.text, "(?i)look")
        self.assertNotRegex(t.text, "(?i)not posted|Nothing was (done|sent)")

    def check_refused(self, t):
        """An equal call while it is unknown: not sent, and the way out."""
        self.check_unknown(t)
        self.assertIn("new idempotency_key", t.text)


class Faults(Posting):
    ENV = {**Posting.ENV, "STORE_TIMEOUT": "20"}    # many at once, on a slow disk

    def row(self, row, thread=None):
        kind, more, effect = row
        text = f"row {kind} {more.get('status', '')} {effect} {bool(thread)}"
        where = {"thread_ts": thread} if thread else {}
        self.slack.fault(POST, kind, effect=effect, **more,
                         where={"text": text, **where})
        args = {"idempotency_key": text.replace(" ", "-"), **where}
        first = self.post(text, **args)
        second = self.post(text, **args)
        self.assertEqual(len(self.sent(text)), 1, text)
        stored = self.stored(text)
        self.assertEqual(len(stored), int(effect), text)
        if effect:
            self.check_posted(first, stored[0], "was found in the channel")
            self.check_posted(second, stored[0], "earlier equal call")
        else:
            self.check_unknown(first)
            self.check_refused(second)

    def test_table(self):
        """In the channel, and in a thread."""
        thread = self.post("a thread of faults").ts()
        self.together(self.row, [((kind, more, effect), where)
                                 for where in (None, thread) for kind, more in FAULTS
                                 for effect in (False, True)])

    def test_without_fault(self):
        t = self.post("just so", idempotency_key="just-so")
        self.check_posted(t, self.stored("just so")[0])
        self.assertNotIn("found", t.text)
        self.assertEqual(self.asked(), [POST])

    def test_late(self):
        """It comes after the look: an equal call sees it."""
        self.slack.fault(POST, "reset")
        self.check_unknown(self.post("late", idempotency_key="late"))
        self.slack.world.say(TEAM, RANDOM, "late", self.team.bot_user,
                             bot_id=self.team.bot_id)
        t = self.post("late", idempotency_key="late")
        self.check_posted(t, *self.stored("late"), "earlier equal call")
        self.assertEqual(len(self.sent()), 1)
        t = self.post("late", idempotency_key="late")     # now the row says so
        self.check_posted(t, *self.stored("late"))
        self.assertEqual(len(self.slack.calls("conversations.history",
                                              self.since)), 2)

    def test_a_moment_late(self):
        """Slack is at it still when the connection breaks: the look waits for it."""
        self.slack.fault(POST, "reset", effect="late", late=0.2)
        t = self.post("a moment late")
        self.check_posted(t, *self.stored("a moment late"), "was found in the channel")

    def test_not_another_ones(self):
        """The same text a moment before, by another call: that is not it."""
        ts = self.post("twins").ts()
        self.slack.fault(POST, "reset", effect=True)
        t = self.post("twins")
        self.assertTrue(t.ok, t)
        self.assertEqual(self.stored("twins"), [ts, t.ts()])
        self.slack.fault(POST, "reset")
        self.check_unknown(self.post("twins", idempotency_key="twins"))
        self.check_refused(self.post("twins", idempotency_key="twins"))

    def test_the_clock_is_behind(self):
        """Slack's clock is minutes ahead of ours: an equal post of a while ago looks
        as if it were the one that is looked for."""
        channel, world = "CABULK0004", self.slack.world
        world.last_ts = int((time.time() + 400) * 1000000)
        self.addCleanup(setattr, world, "last_ts", 0)
        self.assertTrue(self.post("skewed", channel, idempotency_key="skewed").ok)
        self.row_of("skewed", "made = made - 300000")
        self.slack.fault(POST, "reset")
        self.check_unknown(self.post("skewed", channel))

    def test_much_was_said_since(self):
        """More than a page of it."""
        self.check_posted(self.post("long ago", idempotency_key="long-ago"),
                          *self.stored("long ago"))
        self.row_of("long-ago", "state = 'unknown', answer = ''")
        for i in range(450):
            self.slack.world.say(TEAM, RANDOM, f"since then {i}")
        t = self.post("long ago", idempotency_key="long-ago")
        self.check_posted(t, *self.stored("long ago"), "earlier equal call")
        self.assertEqual(len(self.sent()), 1)

    def lost_sight(self, text, channel):
        """Posted, and our row of it does not know where."""
        key = text.replace(" ", "-")
        self.assertTrue(self.post(text, channel, idempotency_key=key).ok)
        self.row_of(key, "state = 'unknown', answer = ''")
        return key

    def test_more_was_said_since_than_is_read(self):
        """Then nobody knows, and nothing is sent again."""
        channel = "CMUCH00001"
        self.team.add(channel, "much")
        key = self.lost_sight("out of sight", channel)
        for i in range(1001):
            self.slack.world.say(TEAM, channel, f"since then {i}")
        self.check_refused(self.post("out of sight", channel, idempotency_key=key))
        self.assertEqual(len(self.sent()), 1)

    def test_more_equal_ones_than_are_open(self):
        """The bot says the same by another hand: which one is ours?  Be it two or
        more than are counted."""
        self.team.add("CEQUAL0001", "equal")
        key = self.lost_sight("all equal", "CEQUAL0001")
        for n in (1, 100):
            for _ in range(n):
                self.slack.world.say(TEAM, "CEQUAL0001", "all equal",
                                     self.team.bot_user, bot_id=self.team.bot_id)
            self.check_refused(self.post("all equal", "CEQUAL0001",
                                         idempotency_key=key))
        self.assertEqual(len(self.sent()), 1)

    def test_the_row_was_never_told(self):
        """It says sending, its worker lives, and that call is long over: it is
        looked for, not waited for."""
        self.check_posted(self.post("never told", idempotency_key="never-told"),
                          *self.stored("never told"))
        self.row_of("never-told", "state = 'sending', answer = '', made = made - 60000")
        began = time.monotonic()
        t = self.post("never told", idempotency_key="never-told")
        self.check_posted(t, *self.stored("never told"), "earlier equal call")
        self.assertLess(time.monotonic() - began, 10 * lib.SLOW)
        self.assertEqual(len(self.sent()), 1)

    def test_by_name(self):
        """The channel is looked at by its id, whatever the call says."""
        self.slack.fault(POST, "reset", effect=True)
        t = self.post("by its name", "#random", idempotency_key="by-name")
        self.check_posted(t, *self.stored("by its name"), "was found")
        t = self.post("by its name", "#random", idempotency_key="by-name")
        self.check_posted(t, *self.stored("by its name"), "earlier equal call")

    def test_by_somebody_else(self):
        """A person's message with the same text is not it."""
        self.slack.world.say(TEAM, RANDOM, "said by a person")
        self.slack.fault(POST, "reset")
        self.check_unknown(self.post("said by a person"))

    def test_not_of_another_time_or_place(self):
        """The app's own message that no row knows of: an hour old, in a thread, or
        the thread's head."""
        def said(text, channel=RANDOM, **more):
            return self.slack.world.say(TEAM, channel, text, user=self.team.bot_user,
                                        bot_id=self.team.bot_id, **more)
        said("in the past", ts=f"{time.time() - 3600:.6f}")
        head = said("in a thread")
        said("in a thread", thread_ts=said("another head"), subtype="thread_broadcast")
        rows = [("in the past", {}), ("in a thread", {"thread_ts": head})]
        self.together(self.not_that, rows)
        said("broadcast", thread_ts=head, subtype="thread_broadcast")
        self.not_that("broadcast", {})

    def not_that(self, text, where):
        self.slack.fault(POST, "reset", where={"text": text, **where})
        self.check_unknown(self.post(text, **where))

    def test_it_cannot_be_seen(self):
        """A look that fails: unknown, and said so."""
        self.slack.fault("conversations.history", "error", error="missing_scope")
        self.slack.fault(POST, "reset", effect=True)
        self.check_unknown(self.post("unseen"))

    def kept(self, i, text, more):
        """Each has a channel of its own."""
        channel, key = f"CABULK{i:04}", f"kept-{i}"
        self.slack.fault(POST, "reset", effect=True, where={"channel": channel})
        t = self.post(text, channel, idempotency_key=key, **more)
        last = self.team.channels[channel].messages[-1]
        self.assertNotEqual(last["text"], text)
        self.check_posted(t, last["ts"], "was found")

    def test_as_slack_keeps_it(self):
        self.slack.world.rewrites = True
        rows = (("see https://e.org/?a=1&b=2 and 1 < 2 & 3 > 2", {}),
                ("<https://e.org/?a=1&b=2|a & b> <@U0ALICE> <#CAGENERAL1>", {}),
                ("done 🎉👍 at 10:30:45 :tada:", {}),
                ("# Head\n\n**bold** [a & b](https://e.org/?a=1&b=2) <b> @channel",
                 {"markdown": True}))
        self.together(self.kept, [(4 * (i + 1), *r) for i, r in enumerate(rows)])
        self.slack.fault(POST, "reset")
        self.check_unknown(self.post("done 🎉👍 at 10:30:46 :tada:", "CABULK0012"))

    def test_same_id_other_text(self):
        """Two texts with one request id are two posts, also when one is unclear."""
        with Legacy(self.d).begin() as c:
            self.slack.fault(POST, "reset")
            one, two, again = (c.tool(
                "slack_post_message", id="same", channel_id=RANDOM, text=text)
                for text in ("same id, one", "same id, two", "same id, one"))
        self.check_unknown(one)
        self.check_posted(two, *self.stored("same id, two"))
        self.check_refused(again)
        self.assertEqual(len(self.sent()), 2)

    def test_the_client_leaves(self):
        """Nobody listens: the row is told all the same, an equal call looks."""
        self.slack.fault(POST, "hang", seconds=60, effect=True)
        with Modern(self.d) as c:
            c.conn, c.strict = mcpclient.connection(self.d), True
            t = threading.Thread(target=self.left, args=(c,))
            t.start()
            self.slack.wait_calls(POST, 1, self.since)
            c.conn.sock.shutdown(socket.SHUT_RDWR)
            t.join(60)
        t = self.post("left", idempotency_key="left")
        self.check_posted(t, *self.stored("left"), "earlier equal call")
        self.assertEqual(len(self.sent()), 1)

    def left(self, c):
        try:
            c.tool("slack_post_message", channel_id=RANDOM, text="left",
                   idempotency_key="left")
        except (OSError, http.client.HTTPException):
            pass


class Held(Posting):
    """Slack is at it for a while, and the call has that time."""
    ENV = {}

    def test_one_of_two(self):
        """Two equal ones are unclear and one is there: whose it is nobody knows."""
        self.slack.fault(POST, "hold", effect=True, seconds=60)
        self.slack.fault(POST, "reset", effect=False)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            a = pool.submit(self.post, "one of two", idempotency_key="two-a")
            self.slack.wait_held(POST, since=self.since)
            b = pool.submit(self.post, "one of two", idempotency_key="two-b")
            self.check_unknown(b.result())
            self.slack.release()
            self.assertTrue(a.result().ok, a.result())

    def test_under_way_here(self):
        """An equal call of this host waits for the one that is under way, and asks
        Slack nothing."""
        self.slack.fault(POST, "hold")
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            first = pool.submit(self.post, "here", idempotency_key="here")
            self.slack.wait_held(POST, since=self.since)
            others = [pool.submit(self.post, "here", idempotency_key="here")
                      for _ in range(3)]
            calls = r"tool calls\s+4\b"
            lib.wait_until("they are there", lambda: re.search(
                calls, self.d.ctl("show", "info").stdout))
            self.slack.release()
            ts = first.result().ts()
            self.check_posted(first.result(), *self.stored("here"))
            for t in others:
                self.check_posted(t.result(), ts, "earlier equal call")
        self.assertEqual(self.asked(), [POST])


class Silence(Posting):
    """Slack does not answer for as long as a call may last."""
    ENV = {"REQUEST_TIMEOUT": "6", "UPSTREAM_TIMEOUT": "25"}

    def looked_for(self):
        """Time is left for a look."""
        self.slack.fault(POST, "hang", effect=True, where={"text": "silence"}, **HANG)
        t = self.post("silence")
        self.check_posted(t, *self.stored("silence"), "was found in the channel")

    def told(self):
        """None is, or for one that is hardly sent: it is said what was posted, and
        that the rest is unknown."""
        one, two = "1" * 4000, "2" * 10
        self.slack.fault("conversations.replies", "hang", **HANG)
        self.slack.fault(POST, "slow", seconds=2.5, where={"text": one})
        self.slack.fault(POST, "hang", effect=True, where={"text": two}, **HANG)
        began = time.monotonic()
        t = self.post(one + two)
        self.check_unknown(t)
        if lib.SLOW == 1:       # a tenth of it is kept for the answer's way
            self.assertLess(time.monotonic() - began, 6)
        self.assertIn(f"with ts {self.stored(one)[0]}", t.text)

    def test_the_answer_comes_in_time(self):
        self.together(lambda name: getattr(self, name)(), [("looked_for",), ("told",)])


class Killed(Posting):
    """kill -9 between sending and answer: the row says sending, its owner is gone."""

    def lose(self, text, effect, daemon=None):
        """A post whose worker dies while Slack has it."""
        d = daemon or self.d
        self.slack.fault(POST, "hold", effect=effect)
        t = threading.Thread(target=self.try_it, args=(text, d))
        t.start()
        self.slack.wait_held(POST, since=self.since)
        d.kill_workers()
        t.join(60)

    def try_it(self, text, d):
        try:
            self.post(text, idempotency_key=text.replace(" ", "-"), daemon=d)
        except (OSError, http.client.HTTPException):
            pass

    def again(self, text, daemon=None):
        return self.post(text, idempotency_key=text.replace(" ", "-"),
                         daemon=daemon)

    def test_it_was_carried_out(self):
        self.lose("killed after", True)
        self.check_posted(self.again("killed after"),
                          *self.stored("killed after"), "earlier equal call")
        self.assertEqual(len(self.sent()), 1)

    def test_it_was_not_yet(self):
        self.lose("killed before", False)
        self.check_refused(self.again("killed before"))
        self.slack.release()
        lib.wait_until("Slack does it", lambda: self.stored("killed before"))
        self.check_posted(self.again("killed before"),
                          *self.stored("killed before"), "earlier equal call")
        self.assertEqual(len(self.sent()), 1)

    def test_in_the_middle_of_a_long_one(self):
        """Of three parts the second is lost with its worker: an equal call finds
        it and goes on behind it."""
        text = "\n".join(f"{c * 3900}" for c in "abc")
        key, d = "long-one", self.d
        self.slack.fault(POST, "hold", effect=True, skip=1)
        t = threading.Thread(target=self.try_long, args=(text, key))
        t.start()
        self.slack.wait_held(POST, since=self.since)
        d.kill_workers()
        t.join(60)
        t = self.post(text, idempotency_key=key)
        self.check_posted(t, *self.stored("a" * 3900), "Posted in 3 parts",
                          "2 of them were posted already")
        for c in "abc":
            self.assertEqual(len(self.stored(c * 3900)), 1)
            self.assertIn(self.stored(c * 3900)[0], t.text)
        self.assertEqual(len(self.sent()), 3)

    def try_long(self, text, key):
        try:
            self.post(text, idempotency_key=key)
        except (OSError, http.client.HTTPException):
            pass


class OnTwoHosts(test_mariadb.Shared, Killed):
    """Equal calls to two daemons on one MariaDB."""

    @classmethod
    def begin(cls):
        super().begin()         # the database
        cls.slack = cls.fake()
        cls.team = cls.slack.world.teams[TEAM]
        cls.d, cls.other = cls.pair(cls.slack, **cls.ENV)
        for d in (cls.d, cls.other):
            d.wait_all_workers()
        mcpclient.install(cls.d)
        mcpclient.known(cls.other, TEAM)

    setUp = Posting.setUp       # the tables stay
    tearDown = Posting.tearDown
    # Killed's own are of one host
    test_it_was_not_yet = test_in_the_middle_of_a_long_one = None

    def test_repeats(self):
        self.check_posted(self.again("on both"), *self.stored("on both"))
        self.check_posted(self.again("on both", self.other),
                          *self.stored("on both"), "earlier equal call")
        self.assertEqual(len(self.sent()), 1)

    def test_at_once(self):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            got = list(pool.map(lambda d: self.again("at once", d),
                                [self.d, self.other] * 4))
        self.assertEqual(len(self.sent()), 1)
        ts, = self.stored("at once")
        for t in got:
            if t.error:         # of the other host nobody knows who lives
                self.check_refused(t)
            else:
                self.assertEqual(t.ts(), ts)
        self.assertGreaterEqual(sum(t.ok for t in got), 4, got)

    def test_unknown_here_is_unknown_there(self):
        self.slack.fault(POST, "reset", effect=False)
        self.check_unknown(self.again("known nowhere"))
        self.check_refused(self.again("known nowhere", self.other))
        self.assertEqual(len(self.sent()), 1)

    def test_killed_there(self):
        """The other host cannot know who lives here; it sees the message."""
        self.lose("killed there", True)
        self.check_posted(self.again("killed there", self.other),
                          *self.stored("killed there"), "earlier equal call")
        self.assertEqual(len(self.sent()), 1)

    def test_under_way_there(self):
        self.slack.fault(POST, "hold", effect=True)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            first = pool.submit(self.again, "under way")
            self.slack.wait_held(POST, since=self.since)
            t = self.again("under way", self.other)
            self.check_posted(t, *self.stored("under way"), "earlier equal call")
            self.slack.release()
            self.check_posted(first.result(), t.ts())
        self.assertEqual(len(self.sent()), 1)


class Writing(Posting):
    """What is sent is what was meant."""
    ENV = {}

    @classmethod
    def begin(cls):
        super().begin()
        mcpclient.install(cls.d, "T0BETA0001")

    def setUp(self):
        super().setUp()
        self.slack.world.pings.clear()

    def forms(self):
        return [c["form"] for c in self.sent()]

    def good(self, t):
        self.assertTrue(t.ok, t)
        return t

    def test_splits(self):
        """At 4,000, between paragraphs, lines or words; nothing is lost, the order
        is kept, all later parts are in the first one's thread."""
        words = " ".join(f"word{i}" for i in range(2000))
        rows = (("x" * 4000, 1), ("x" * 4001, 2), ("ü" * 9000, 3), (words, 5),
                ("&" * 4000, 5), ("🎉" * 2001, 2),
                ("🎉" * 4000, 2), ("👩‍👩‍👧‍👦" * 400, 2), ("e\u0301" * 2001, 2),
                ("a" * 3000 + "\n" + "b" * 3000, 2),
                ("p" * 2500 + "\n\n" + ("line\n" * 700).strip(), 2),
                ("x" * 3990 + "<https://e.org/a-long-one?a=1&b=2|label>", 2),
                ("x" * 3999 + "é" * 3, 2))
        for text, n in rows:
            with self.subTest(text[:20], n=n):
                self.since = self.slack.mark()
                t = self.good(self.post(text))
                sent = self.forms()
                self.assertEqual(len(sent), n)
                whole = "".join(html.unescape(f["text"]) for f in sent)
                self.assertEqual(re.sub(r"\s", "", whole), re.sub(r"\s", "", text))
                rows = self.team.channels[RANDOM].messages[-n:]
                self.assertEqual([m["text"] for m in rows],
                                 [f["text"] for f in sent])
                for f in sent:
                    self.assertLessEqual(len(f["text"].encode("utf-16-le")) // 2,
                                         4000)
                    self.assertNotRegex(f["text"], r"&(?!amp;|lt;|gt;)|<[^>]*$")
                for m in rows[1:]:
                    self.assertEqual(m["thread_ts"], rows[0]["ts"])
                for m in rows:
                    self.assertIn(m["ts"], t.text)
                self.assertEqual(t.ts(), rows[0]["ts"])

    def test_code_at_a_cut(self):
        """A block of code ends with a message and begins again in the next."""
        lines = [f"line {i} = *{i}*;" for i in range(640)]
        code = "```\n" + "\n".join(lines) + "\n```"
        for markdown, size in ((False, 4000), (True, 12000)):
            # the last ones: a cut before the end of the block, behind it
            short = (size - 8) // len(lines[500]) * len(lines[500])
            for before, block, behind in (
                    ("intro\n", code, "\nend *x*"), ("", code + "\n\n" + code, ""),
                    *(("i" * (short - 60 + n) + "\n", "```\nx\n```", "\ny" * 999)
                      for n in range(0, 80, 3))):
                with self.subTest(markdown=markdown, before=len(before)):
                    self.since = self.slack.mark()
                    self.good(self.post(before + block + behind, markdown=markdown))
                    parts = [f.get("markdown_text", f.get("text"))
                             for f in self.forms()]
                    inside, outside = [], []
                    for part in parts:
                        self.assertLessEqual(len(part), size)
                        pieces = part.split("```")
                        self.assertEqual(len(pieces) % 2, 1, part[-80:])
                        outside += pieces[0::2]
                        inside += pieces[1::2]
                    self.assertEqual(re.sub(r"\s", "", "".join(inside)),
                                     re.sub(r"\s|```", "", block))
                    self.assertEqual(re.sub(r"\s", "", "".join(outside)),
                                     re.sub(r"\s", "", before + behind))
        text = "```" + "w " * 4000
        self.good(self.post(text))      # that never ends: words as they are
        self.assertEqual(re.sub(r"\s", "", "".join(f["text"] for f in self.forms()[-3:])),
                         re.sub(r"\s", "", text))

    def test_splits_within_a_thread(self):
        parent = self.good(self.post("a long thread")).ts()
        t = self.good(self.post("y" * 5000, thread_ts=parent))
        self.assertEqual([f.get("thread_ts") for f in self.forms()],
                         [None, parent, parent])
        self.assertIn("Posted in 2 parts", t.text)
        with Modern(self.d) as c:
            self.good(c.tool("slack_reply_to_thread", team_id=TEAM,
                             channel_id=RANDOM, thread_ts=parent,
                             text="z" * 5000, reply_broadcast=True))
        self.assertEqual([(f["thread_ts"], f.get("reply_broadcast"))
                          for f in self.forms()[3:]],
                         [(parent, "true"), (parent, None)])

    def test_a_part_is_refused(self):
        """What was posted is told, and an equal call does not post it again."""
        text = "q" * 9000
        self.slack.fault(POST, "error", error="msg_too_long", skip=1)
        t = self.post(text, idempotency_key="refused-part")
        self.assertTrue(t.error, t)
        ts, = self.stored("q" * 4000)
        self.assertRegex(t.text, f"Of 3 parts 1 are posted, with ts {ts}")
        self.assertIn("What follows in the text was not sent", t.text)
        self.assertTrue(self.post(text, idempotency_key="refused-part").error)
        self.assertEqual(len(self.sent()), 2)

    def test_a_part_must_wait(self):
        """What was not sent is sent by an equal call, and nothing else."""
        text = "w" * 9000
        self.slack.fault(POST, "ratelimited", retry_after=60, skip=2)
        t = self.post(text, "CBRANDOM01", idempotency_key="waiting-part",
                      team_id="T0BETA0001")
        self.assertTrue(t.error, t)
        self.assertRegex(t.text, "Of 3 parts 2 are posted.*wait \\d+ s")
        self.assertIn("idempotency_key goes on from here", t.text)
        self.assertEqual(len(self.sent()), 3)
        t = self.post(text, "CBRANDOM01", idempotency_key="waiting-part",
                      team_id="T0BETA0001")
        self.assertRegex(t.text, "Of 3 parts 2 are posted.*wait \\d+ s")
        self.assertEqual(len(self.sent()), 3)       # it is known by now

    def test_a_part_is_unknown(self):
        """An equal call looks for it; whoever goes on by hand is told where, and not
        to post the whole again."""
        text, key = "u" * 9000, "unknown-part"
        self.slack.fault(POST, "reset", skip=1)
        t = self.post(text, idempotency_key=key)
        self.check_unknown(t)
        ts, = self.stored("u" * 4000)
        self.assertRegex(t.text, f"Of 3 parts 1 are posted, with ts {ts}")
        self.assertIn("goes on from here", t.text)
        t = self.post(text, idempotency_key=key)
        self.check_unknown(t)
        self.assertIn(f"and only that, with thread_ts {ts}", t.text)
        self.assertNotIn("new idempotency_key", t.text)
        self.assertEqual(len(self.sent()), 2)

    def test_a_part_is_lost_without_a_key(self):
        for thread in (None, self.good(self.post("a head")).ts()):
            self.since = self.slack.mark()
            more = {"thread_ts": thread} if thread else {}
            self.slack.fault(POST, "reset", skip=1)
            t = self.post("v" * 9000, **more)
            self.check_unknown(t)
            ts = self.stored("v" * 4000)[-1]
            self.assertIn(f"with ts {ts}", t.text)
            self.assertIn(f"and only that, with thread_ts {thread or ts}", t.text)
            self.assertEqual(len(self.sent()), 2)

    def test_the_first_part_has_no_ts(self):
        """Then the rest would go astray; what was posted is said."""
        self.slack.fault(POST, "body", body={"ok": True, "channel": RANDOM})
        t = self.post("n" * 5000)
        self.assertTrue(t.error, t)
        self.assertRegex(t.text, "with ts unknown\\..*has not told which thread")
        self.assertEqual(len(self.sent()), 1)

    def test_the_first_part_is_too_old(self):
        """Then all of it is a new post, what the others' rows say or not."""
        text, key = "o" * 5000, "old-head"
        first = self.good(self.post(text, idempotency_key=key))
        self.row_of(key, "made = made - 660000")
        second = self.good(self.post(text, idempotency_key=key))
        self.assertEqual(len(self.sent()), 4)
        self.assertNotIn("earlier", second.text)
        self.assertEqual(self.forms()[3]["thread_ts"], second.ts())
        self.assertNotEqual(first.ts(), second.ts())

    def test_too_many_parts(self):
        """More than there is time for: said before anything is sent."""
        t = self.post("&" * 40000)
        self.assertTrue(t.error, t)
        self.assertRegex(t.text, "makes 50 messages.*Nothing was posted")
        self.assertEqual(self.sent(), [])
        self.good(self.post("&" * 16000))       # 20

    def test_long_is_repeated_whole(self):
        text = "r" * 9000
        first = self.good(self.post(text, idempotency_key="long-again"))
        second = self.good(self.post(text, idempotency_key="long-again"))
        self.assertEqual(len(self.sent()), 3)
        find = re.compile(r"\d{10}\.\d{6}")
        self.assertEqual(find.findall(first.text), find.findall(second.text))
        self.assertIn("earlier equal call", second.text)

    def test_markdown(self):
        text = "# Head\n\n**bold** [a & b](https://e.org/?a=1&b=2) 1 < 2"
        self.good(self.post(text, markdown=True))
        form, = self.forms()
        self.assertEqual(form["markdown_text"], text)
        self.assertNotIn("text", form)
        self.good(self.post("m" * 12000, markdown=True))
        self.good(self.post("m" * 12001, markdown=True))
        self.assertEqual([len(f["markdown_text"]) for f in self.forms()[1:]],
                         [12000, 12000, 1])

    def test_crowds(self):
        """Nobody is called by accident, in neither way of writing."""
        texts = ("<!channel> a", "<!here> b", "<!everyone|x> c", "@channel d",
                 "<!subteam^S0GROUP1> e", "**@here** f", "@Everyone g",
                 "mail me@channel.example h", "&lt;!here&gt; i", "`<!here>` `@here` j",
                 "<https://e.org|<!channel>> <https://e.org|@channel> k",
                 "[@here](https://e.org) [l](<!here>) l", "&#64;here &commat;here m",
                 r"\<!here> <\!here> \@here n", "@&#104;ere &#60;!channel> o",
                 "<!here\u200b> <\u200b!here> @\u200bhere p", "<!here|@here> q",
                 "<<!here>> <@U1<!here>> <!here r", "```\n<!channel>\n@channel\n``` s",
                 "&lt!here> &lt&#33;channel&gt t")
        for markdown in (False, True):
            for text in texts:
                self.good(self.post(text, markdown=markdown))
        self.assertEqual(self.slack.world.pings, [])
        self.told_of_crowds(texts[:2])
        self.slack.world.pings.clear()
        for markdown in (False, True):
            for text in texts[:3] + texts[4:5]:
                with self.subTest(text, markdown=markdown):
                    self.slack.world.pings.clear()
                    self.good(self.post(text, markdown=markdown,
                                        mass_mentions=True))
                    self.assertEqual(len(self.slack.world.pings), 1)
        self.slack.world.pings.clear()
        for text in ("<!chan nel>", "<!date^1^{x}|@here>", "<!subteam^x>", "<!here"):
            self.good(self.post(text, mass_mentions=True))
        self.assertEqual(self.slack.world.pings, [])

    def told_of_crowds(self, texts):
        """Who wanted to call one learns that nobody came, and how to."""
        said = "called nobody: that takes mass_mentions=true."
        for markdown in (False, True):
            for text in texts:
                self.assertIn(said, self.post(text, markdown=markdown).text)
                t = self.post(text, markdown=markdown, format="json")
                self.assertIn(said, t.answer.json["result"]["structuredContent"]["outcome"])
                self.assertNotIn(said, self.post(text, markdown=markdown,
                                                 mass_mentions=True).text)
            self.assertNotIn(said, self.post("1 < 2 <@U1> me@e.org",
                                             markdown=markdown).text)

    def test_crowds_at_a_cut(self):
        """What stands in the middle of a word may stand at a message's end."""
        for markdown, size in ((False, 4000), (True, 12000)):
            for before, after in (("x" * size, "@here"), ("x" * (size - 5), "@herex"),
                                  ("x" * (size - 1) + "<", "!here> y"),
                                  ("x" * (size - 3), "<!here> y"),
                                  ("@here " * (size // 6), "<!here> " * 100)):
                with self.subTest(before[:8], after=after[:8], markdown=markdown):
                    self.since = self.slack.mark()
                    self.good(self.post(before + after, markdown=markdown))
                    self.assertEqual(self.slack.world.pings, [])
                    for f in self.forms():
                        self.assertLessEqual(len(f.get("markdown_text",
                                                       f.get("text", ""))), size)

    def test_unfurling(self):
        for args, want in (({}, "false"), ({"unfurl": False}, "false"),
                           ({"unfurl": True}, "true")):
            self.good(self.post("https://e.org/", **args))
            form = self.forms()[-1]
            self.assertEqual((form["unfurl_links"], form["unfurl_media"]),
                             (want, want))

    def test_links(self):
        for text, sent in (
                ("https://e.org/?a=1&b=2", "https://e.org/?a=1&amp;b=2"),
                ("<https://e.org/?a=1&b=2|a & b>",
                 "<https://e.org/?a=1&amp;b=2|a &amp; b>")):
            self.good(self.post(text))
            self.assertEqual(self.forms()[-1]["text"], sent)
            with Modern(self.d) as c:
                t = c.tool("slack_get_channel_history", team_id=TEAM,
                           channel_id=RANDOM, limit=1)
            self.assertIn("https://e.org/?a=1&b=2", t.text)
