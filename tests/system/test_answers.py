# SPDX-License-Identifier: ISC
"""What an answer costs and where it leads: a budget in bytes, a way on to what is
left, and none when nothing is; whatever people post, and whatever Slack pages."""
import json
import re
import unittest

import lib
import mcpclient
from mcpclient import Modern

TEAM = "T0ACME0001"
ROOM = "CABULK0001"
MOST = 70000            # bytes: 65,536 of rows and what stands around them
TOOLS = {"slack_get_channel_history": {"channel_id": ROOM},
         "slack_get_thread_replies": {"channel_id": ROOM}}

# Each is more than fits, in another way.
MONSTERS = {
    "breaks": {"text": "\n" * 20000, "attachments": [
        {"id": i, "fallback": "\n" * 5000} for i in range(30)], "files": [
            {"id": f"F{i}", "name": "\n" * 900, "mimetype": "\n" * 900}
            for i in range(30)]},
    "attachments": {"text": "x" * 30000, "attachments": [
        {"id": i, "text": "y" * 9000} for i in range(60)]},
    "reactions": {"text": "r", "reactions": [
        {"name": "\n" * 200 + str(i), "count": 1, "users": []} for i in range(60)]},
    "blocks": {"text": "", "blocks": [{"type": "section", "text": {
        "type": "mrkdwn", "text": "\n" * 3000}} for i in range(50)]},
    "breaks in breaks": {"text": "\n" * 40000, "username": "\n" * 300, "files": [
        {"id": "\n" * 300, "name": "\n" * 900, "mimetype": "\n" * 900}
        for i in range(40)]},
}


class Case(lib.Suite):
    @classmethod
    def begin(cls):
        cls.slack = cls.fake()
        cls.world = cls.slack.world
        cls.d = cls.daemon(cls.slack).start()
        mcpclient.install(cls.d)
        cls.c = Modern(cls.d)

    def tool(self, name="slack_get_channel_history", **args):
        args.setdefault("channel_id", ROOM)
        t = self.c.tool(name, **args)
        self.assertTrue(t.ok, t)
        return t

    def walk(self, tool, most=60, **args):
        """The answers from the first page to the last, by what each tells to do."""
        following = {}
        for _ in range(most):
            t = self.tool(tool, **{**args, **following})
            yield t
            following = self.following(t)
            if not following:
                return
            if "latest" in following:
                args["latest"] = following.pop("latest")
        self.fail(f"no end after {most} answers of {tool} {args}")

    @staticmethod
    def following(t):
        structured = t.answer.json["result"].get("structuredContent")
        if structured:
            cursor = structured["response_metadata"]["next_cursor"]
            return {"cursor": cursor} if cursor else {}
        said = t.text.rpartition("--- end ")[2]
        return dict(re.findall(r"\b(cursor|latest)=(\S+)", said))

    @staticmethod
    def shown(t):
        """The ts of an answer's messages, in either format."""
        structured = t.answer.json["result"].get("structuredContent")
        if structured:
            return [m["ts"] for m in structured["messages"]]
        return re.findall(r"(?m)^\d\d:\d\d [A-Z]+ (\d+\.\d{6})", t.text)


class Budget(Case):
    @classmethod
    def begin(cls):
        super().begin()
        cls.parent = cls.world.say(TEAM, ROOM, "the thread")
        cls.top, cls.inside = [cls.parent], [cls.parent]
        for name, more in MONSTERS.items():
            for word in "before", name, "behind":
                args = dict(more) if word == name else {"text": word}
                text = args.pop("text")
                cls.top.append(cls.world.say(TEAM, ROOM, text, **args))
                cls.inside.append(cls.world.say(TEAM, ROOM, text, thread_ts=cls.parent,
                                                **args))

    def test_every_message_once(self):
        """One that is larger than an answer hides nothing that is behind it."""
        for form in "compact", "json":
            for limit in 999, 4, 1:
                for tool, want, more in (
                        ("slack_get_channel_history", self.top[::-1], {}),
                        ("slack_get_thread_replies", self.inside,
                         {"thread_ts": self.parent})):
                    with self.subTest(tool, form=form, limit=limit):
                        seen = []
                        for t in self.walk(tool, format=form, limit=limit, **more):
                            body = t.answer.json["result"]
                            self.assertLess(len(json.dumps(
                                body, ensure_ascii=False).encode()), MOST * 1.2)
                            seen += self.shown(t)
                        self.assertEqual(seen, want)

class Pages(Case):
    """Whatever Slack pages: an answer says what it has, and where it goes on."""
    def both(self, tool="slack_get_channel_history", **args):
        """The same page as rows and as JSON: text, hint, and the way on."""
        for form in "compact", "json":
            t = self.tool(tool, format=form, **args)
            r = t.answer.json["result"].get("structuredContent", {})
            yield t, r.get("hint", "") or t.text, self.following(t)

    def page(self, messages, cursor="", **more):
        self.slack.fault("conversations.history", "body", times=2, body={
            "ok": True, "messages": messages, "has_more": bool(cursor),
            "response_metadata": {"next_cursor": cursor}, **more})

    def test_empty_page_that_goes_on(self):
        for _ in self.both():           # nothing of an earlier test is left
            pass
        self.page([], "bmV4dF90czox")
        cursors = []
        for t, hint, following in self.both():
            self.assertEqual(self.shown(t), [])
            self.assertIn("No message on this page; more pages follow.", hint)
            cursors.append(following["cursor"])
        self.page([], "bmV4dF90czoy")
        for cursor in cursors:
            self.tool(cursor=cursor)
            self.assertEqual(self.slack.calls("conversations.history")[-1]["form"][
                "cursor"], "bmV4dF90czox")

    def test_nothing(self):
        for t, hint, following in self.both(channel_id="CABULK0000"):
            self.assertIn("the channel is empty", hint)
            self.assertEqual(following, {})
        for t, hint, following in self.both(oldest="1m", channel_id="CAGENERAL1"):
            self.assertIn("No message between oldest and latest", hint)

    def test_hidden_by_the_plan(self):
        self.page([{"ts": "1700000000.000100", "text": "x"}], is_limited=True)
        for t, hint, following in self.both():
            self.assertIn("the workspace's plan hides", hint)
            self.assertEqual(len(self.shown(t)), 1)

    def test_cursor_once_more(self):
        first = self.tool(channel_id="CAGENERAL1", limit=3)
        cursor = self.following(first)["cursor"]
        for _ in self.both(channel_id="CAGENERAL1", limit=3, cursor=cursor):
            pass
        again = self.slack.calls("conversations.history")[-1]["form"]["cursor"]
        self.page([{"ts": "1700000000.000100", "text": "x"}], again)
        for t, hint, following in self.both(channel_id="CAGENERAL1", limit=3,
                                            cursor=cursor):
            self.assertIn("this is as far as it leads", hint)
            self.assertEqual(following, {})

    def test_nothing_but_noise(self):
        ts = [self.world.say(TEAM, "CABULK0002", f"<@U0BOB> has joined {i} " + "x" * 500,
                             user="U0BOB", subtype="channel_join") for i in range(45)]
        seen = []
        for t in self.walk("slack_get_channel_history", channel_id="CABULK0002",
                           limit=20):
            seen += self.shown(t)
            self.assertLess(len(t.text), 20 * 200)
        self.assertEqual(seen, ts[::-1])

    def test_exactly_a_page(self):
        for i in range(6):
            self.world.say(TEAM, "CABULK0004", str(i))
        for t, _, following in self.both(channel_id="CABULK0004", limit=6):
            self.assertEqual(len(self.shown(t)), 6)
            self.assertEqual(following, {})

    def test_replies(self):
        """A message with replies says how to read them, and only such a one does."""
        how = "slack_get_thread_replies reads the replies"
        parent = self.world.say(TEAM, "CABULK0006", "parent")
        self.assertNotIn(how, self.tool(channel_id="CABULK0006").text)
        self.world.say(TEAM, "CABULK0006", "a reply", thread_ts=parent)
        t = self.tool(channel_id="CABULK0006")
        self.assertIn("[1 reply, last", t.text)
        self.assertIn(how, t.text)
        self.assertNotIn("a reply", t.text)
        t = self.tool("slack_get_thread_replies", channel_id="CABULK0006",
                      thread_ts=parent)
        self.assertIn("a reply", t.text)
        self.assertNotIn(how, t.text)


class Names(lib.Suite):
    def test_cursor_of_a_channel_by_name(self):
        """Whether the channel is named or its id is given: the same pages."""
        slack = self.fake()
        d = self.daemon(slack, env={
            "DIRECTORY": "on", "DIRECTORY_PAUSE": "20ms",
            "SLACK_SCOPES": lib.SCOPES + ",users:read"}).start()
        mcpclient.install(d)
        with Modern(d) as c:
            def read(channel, **args):
                t = c.tool("slack_get_channel_history", channel_id=channel, limit=9,
                           **args)
                return t, Case.following(t).get("cursor")
            t, cursor = lib.wait_until("the name is known", lambda: next((
                x for x in [read("#general")] if x[0].ok), None))
            for other in "#general", "CAGENERAL1", "#general":
                before = Case.shown(t)
                t, cursor = read(other, cursor=cursor)
                self.assertTrue(t.ok, t)
                self.assertEqual(set(before) & set(Case.shown(t)), set())
            t, _ = read("#random", cursor=cursor)
            self.assertFalse(t.ok)
            self.assertIn("belongs to another call", t.text)
        d.stop()


if __name__ == "__main__":
    unittest.main()
