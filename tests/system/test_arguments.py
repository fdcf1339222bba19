# SPDX-License-Identifier: ISC
"""The arguments of every tool, as tools/list names them, in every wrong shape: an
isError that says which and why, before Slack is asked anything."""
import itertools
import unittest

import lib
from mcpclient import Modern
from envelope import (ANY, CHANNEL, FINE, HEADER, HUGE, PARAMS, PARSE, TEAM, Envelopes)

# -- tools/call -----------------------------------------------------------------

TS = "1700000000.000100"        # stands for a message that there is
# name -> arguments that work, for each tool that takes some
SOUND = {
    "slack_list_workspaces": {},
    "slack_list_channels": {"limit": 1},
    "slack_get_channel_history": {"channel_id": CHANNEL, "limit": 1},
    "slack_get_thread_replies": {"channel_id": CHANNEL, "thread_ts": TS, "limit": 1},
    "slack_get_channel_info": {"channel_id": CHANNEL},
    "slack_get_users": {"limit": 1},
    "slack_search_users": {"query": "a"},
    "slack_get_user_profile": {"user_id": "U0ALICE"},
    "slack_connection_status": {},
    "slack_post_message": {"channel_id": CHANNEL, "text": "x"},
    "slack_reply_to_thread": {"channel_id": CHANNEL, "thread_ts": TS, "text": "x"},
    "slack_add_reaction": {"channel_id": CHANNEL, "timestamp": TS, "reaction": "tada"},
}
# kind of a wrong value -> the value
WRONG = {
    "null": None, "true": True, "false": False, "number": 7, "zero": 0, "negative": -1,
    "fraction": 1.5, "edge": 2**63 - 1, "lower edge": -2**63, "float": 1e20,
    "string": "nonsense", "empty": "", "blank": " ", "array": [], "array of one": ["x"],
    "array of null": [None], "object": {}, "deep": {"a": [{"b": [[]]}]},
    "huge": "y" * HUGE, "huge array": ["y"] * 5000, "control": "\x01\x1b[31m\x7f",
    "lines": "a\r\nb: c", "bidi": "\u202eabc", "emoji": "\U0001f600" * 20,
    "format": "%s%n%99999d", "form": "x&token=y", "markup": "<script>alert(1)</script>",
}
# (argument, kind) that are taken after all; every other kind is refused by type
TAKEN = {
    "team_id": {"null", "empty"},
    "channel_id": set(), "user_id": set(), "timestamp": set(), "reaction": {"string"},
    "markdown": {"null", "empty", "true", "false", "zero"},
    "mass_mentions": {"null", "empty", "true", "false", "zero"},
    "unfurl": {"null", "empty", "true", "false", "zero"},
    "reply_broadcast": {"null", "empty", "true", "false", "zero"},
    "query": {"string", "control", "lines", "bidi", "emoji", "format", "form", "markup"},
    "limit": {"null", "empty", "number", "zero", "negative", "edge", "lower edge", "float"},
    "cursor": {"null", "empty"},
    "oldest": {"null", "empty"}, "latest": {"null", "empty"}, "thread_ts": {"null", "empty"},
    "types": {"null", "empty"}, "format": {"null", "empty"},
    "exclude_archived": {"null", "empty", "true", "false", "zero"},
    "idempotency_key": {"null", "empty", "number", "zero", "negative", "edge", "lower edge",
                        "string", "format", "form", "markup"},
    "text": {"string", "control", "lines", "bidi", "emoji", "format", "form",
             "markup"},
}


LOCAL = {"slack_list_workspaces", "slack_search_users", "slack_connection_status"}


class Arguments(Envelopes):
    private = ()
    ENV = {"DIRECTORY": "on", "DIRECTORY_PAUSE": "20ms",
           "SLACK_SCOPES": lib.SCOPES + ",users:read,users.profile:read,reactions:write"}

    @classmethod
    def begin(cls):
        super().begin()
        ts = cls.slack.world.say(TEAM, CHANNEL, "to be answered")
        for args in SOUND.values():
            args.update({k: ts for k, v in args.items() if v == TS})
        with Modern(cls.d, cls.key) as c:
            lib.wait_until("the directory is complete", lambda: c.tool(
                "slack_connection_status").text.count(", complete at ") == 2)
        cls.tools = cls.eras[0].plain().json["result"]["tools"]

    def call(self, era, name, args, want=FINE):
        call = {"name": name, "arguments": args}
        rid = next(era.ids)         # else a post would be an equal one
        heads = era.heads("tools/call", call)
        if heads.get("Mcp-Param-Slack-Team", "") is None:
            want = HEADER           # no header can say it
        m = self.abuse(era, era.text("tools/call", call, id=rid), want, str(rid), heads)
        if want != FINE:
            return None, ""
        r = m["result"]
        self.assertEqual([c["type"] for c in r["content"]], ["text"], m)
        return r["isError"], r["content"][0]["text"]

    def test_table_is_whole(self):
        """A new tool or argument has to say here what it takes."""
        self.assertEqual({t["name"] for t in self.tools}, set(SOUND))
        named = {a for t in self.tools for a in t["inputSchema"]["properties"]}
        self.assertEqual(named, set(TAKEN))

    def test_every_argument(self):
        for tool in self.tools:
            name, schema = tool["name"], tool["inputSchema"]
            for arg, kind in itertools.product(schema["properties"], WRONG):
                for era in self.eras:
                    with self.subTest(era=era.name, tool=name, arg=arg, kind=kind):
                        self.one_argument(era, name, arg, kind,
                                          arg in schema.get("required", ()))

    def one_argument(self, era, name, arg, kind, required):
        if (name, arg) == ("slack_reply_to_thread", "idempotency_key"):
            return          # those of slack_post_message: they are used up
        since = self.slack.mark()
        error, text = self.call(era, name, {**SOUND[name], arg: WRONG[kind]})
        sent = [c["method"] for c in self.slack.calls(since=since)]
        if error is None:           # the header rules refused it
            self.assertEqual((arg, sent), ("team_id", []))
            return
        absent = required and kind in ("null", "empty")
        if kind in TAKEN[arg] and not absent:
            self.assertFalse(error, text)
            # a key that the other era has used: nothing is posted twice
            again = arg == "idempotency_key" and era.name == "modern" and \
                kind not in ("null", "empty") and name == "slack_post_message"
            self.assertEqual(len(sent), 0 if again or name in LOCAL else 1, text)
            if name != "slack_add_reaction":    # which may say so of its own
                self.assertEqual("already" in text, again, text)
            return
        self.assertTrue(error, text)
        self.assertEqual(sent, [], text)
        self.assertIn(arg, text)
        self.assertLess(len(text), 1000)
        if required and kind == "null":
            self.assertIn(f'needs "{arg}"', text)

    def test_limits_are_clamped(self):
        for era, (value, used), want in self.rows((v, u, FINE) for v, u in (
                (0, 1), (-1, 1), (10**6, 999), (2**63 - 1, 999), (-2**63, 1), (1e20, 999),
                (-1e20, 1), (1e300, 999), ("99999999999999999999", 999),
                ("-99999999999999999999", 1), ("0", 1), ("5000", 999))):
            with self.row():
                since = self.slack.mark()
                error, text = self.call(era, "slack_list_channels", {"limit": value})
                self.assertFalse(error, text)
                self.assertIn(f"{used} was used", text)
                sent, = self.slack.calls("conversations.list", since)
                self.assertEqual(sent["form"]["limit"], str(used))
        for era, (value,), want in self.rows((v, FINE) for v in (
                "1.5", "1e2", "0x10", "ten", "5 5", "", " ", "--5", "\u0665", "NaN", "+",
                "5\n", "1_0", 0.5, 1e-9)):
            with self.row():
                error, text = self.call(era, "slack_list_channels", {"limit": value})
                if value == "":         # as good as absent
                    self.assertFalse(error, text)
                    continue
                self.assertTrue(error, text)
                self.assertIn("1 to 999", text)

    def test_lone_surrogates(self):
        """Half a character in any argument: no JSON, and not the tool's matter."""
        for tool, era in itertools.product(self.tools, self.eras):
            for arg in tool["inputSchema"]["properties"]:
                for half in (b"\\ud800", b"\\udfff", b"x\\ud83d", b"\\ude00x"):
                    call = {"name": tool["name"],
                            "arguments": {**SOUND[tool["name"]], arg: "@@"}}
                    body = era.text("tools/call", call).replace(b"@@", half)
                    with self.subTest(era=era.name, arg=arg, half=half):
                        self.abuse(era, body, PARSE, None,
                                   era.heads("tools/call", call))

    def test_unknown_arguments(self):
        """An argument that is none is refused, and the nearest one named."""
        for tool in self.tools:
            name = tool["name"]
            for arg in tool["inputSchema"]["properties"]:
                for wrong in {arg[:-1], arg + "s", arg.upper(), arg.replace("_", "-"),
                              arg[0] + arg, "x" + arg} - {arg}:
                    for era in self.eras:
                        with self.subTest(era=era.name, tool=name, wrong=wrong):
                            since = self.slack.mark()
                            error, text = self.call(era, name,
                                                    {**SOUND[name], wrong: "x"})
                            if wrong == "channel":      # one that is taken
                                continue
                            self.assertTrue(error, text)
                            self.assertIn(f'"{wrong}"', text)
                            self.assertIn(f'"{arg}"', text)
                            self.assertEqual(self.slack.calls(since=since), [])

    def test_names_that_are_far_off(self):
        for era, (wrong,), want in self.rows((w, FINE) for w in (
                "", " ", "nonsense", "__proto__", "constructor", "x" * HUGE, "é" * 300,
                "\x1b[2J", "\u202e", "a\nb", '"', "\\", "%s%n", "<b>", "token",
                "additionalProperties", "\U0001f600" * 1000)):
            with self.row():
                for tool, sound in SOUND.items():
                    since = self.slack.mark()
                    error, text = self.call(era, tool, {**sound, wrong: 1})
                    self.assertTrue(error, text)
                    self.assertIn("takes", text)
                    self.assertLess(len(text), 1000)
                    self.assertFalse(set(text) & set("\x1b\u202e\n"), text)
                    self.assertEqual(self.slack.calls(since=since), [])
                    if len(wrong) > HUGE // 2:
                        break

    def test_given_twice(self):
        """Under two of its names: nobody can know which counts."""
        for era, (tool, args), want in self.rows((
                ("slack_list_channels", {"team_id": TEAM, "team": TEAM}, FINE),
                ("slack_list_channels", {"teamId": TEAM, "workspace": TEAM}, FINE),
                ("slack_get_channel_history", {"channel": CHANNEL}, FINE),
                ("slack_post_message", {"message": "y"}, FINE))):
            with self.row():
                since = self.slack.mark()
                error, text = self.call(era, tool, {**SOUND[tool], **args})
                self.assertTrue(error, text)
                self.assertIn("twice", text)
                self.assertEqual(self.slack.calls(since=since), [])

    def test_arguments_themselves(self):
        for era, (args,), want in self.rows(
                (a, PARAMS) for a in (True, False, 0, 7, 1.5, "", "x", "{}", [], [{}])):
            with self.row():
                call = {"name": "slack_list_workspaces", "arguments": args}
                self.abuse(era, era.text("tools/call", call, id=6), want, "6",
                           era.heads("tools/call", call))
        for era, (args,), want in self.rows(((None, FINE), ({}, FINE), (ANY, FINE))):
            with self.row():
                call = {"name": "slack_list_workspaces", "arguments": args}
                if args is ANY:
                    del call["arguments"]
                m = self.abuse(era, era.text("tools/call", call, id=6), want, "6",
                               era.heads("tools/call", call))
                self.assertFalse(m["result"]["isError"], m)

    def test_names_of_tools(self):
        for era, (name,), want in self.rows((n, PARAMS) for n in (
                None, True, 7, 1.5, [], ["slack_list_workspaces"], {}, ANY, "", " ",
                "nonsense", "SLACK_LIST_WORKSPACES", "slack_list_workspaces ",
                "slack_list_workspaces\n", "slack_list_workspacesx", "slack_list_workspace",
                "../x", "é" * 63, "\U0001f600" * 40, "\x1b[2J", "\u202ex", "%s%n",
                "x" * 5000)):
            with self.row():
                call = {"arguments": {}} if name is ANY else {"name": name, "arguments": {}}
                self.abuse(era, era.text("tools/call", call, id=6), want, "6",
                           era.heads("tools/call", call))
        for era, _, want in self.rows([[(PARAMS, HEADER)]]):
            with self.row():
                for letter in ("x", "é"):
                    call = {"name": letter * (HUGE // 8), "arguments": {}}
                    self.abuse(era, era.text("tools/call", call, id=6), want, "6",
                               era.heads("tools/call", call))

    def test_members_of_the_call(self):
        """What else stands beside name and arguments is nobody's."""
        for era, (more,), want in self.rows((m, FINE) for m in (
                {"task": {"ttl": 1}}, {"task": 7}, {"x": "y" * HUGE}, {"Name": "x"},
                {"arguments ": {"a": 1}}, {"requestState": "x"}, {"inputResponses": []})):
            with self.row():
                call = {"name": "slack_list_workspaces", "arguments": {}, **more}
                m = self.abuse(era, era.text("tools/call", call, id=6), want, "6",
                               era.heads("tools/call", call))
                self.assertFalse(m["result"]["isError"], m)


if __name__ == "__main__":
    unittest.main()
