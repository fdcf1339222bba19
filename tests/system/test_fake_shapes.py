# SPDX-License-Identifier: ISC
"""The fake's answers beside recorded ones of Slack: no key that Slack does not
have, none of another type, none missing that every recording has.  Needs
SLACK_SAMPLES, a folder of METHOD.json files: {"examples": [{"name", "body"}]}."""
import json
import os
import re
import unittest

import talk
from fakecase import ACME
from test_fake_methods import Methods

SAMPLES = os.environ.get("SLACK_SAMPLES")
HERE = {"channel": "CARANDOM01"}
OF_TS, AT_TS = {"ts": "TS"}, {"timestamp": "TS", "name": "eyes"}
CALLS = [
    ("auth.test", {}), ("auth.teams.list", {}), ("team.info", {}),
    ("conversations.list", {"types": "public_channel,private_channel,im,mpim"}),
    ("conversations.info", {**HERE, "include_num_members": "true"}),
    ("conversations.info", {"channel": "DAALICE001"}),
    ("conversations.members", HERE), ("conversations.join", HERE),
    ("conversations.open", {"users": "U0BOB"}), ("conversations.history", HERE),
    ("conversations.history", {**HERE, "limit": 1}),
    ("conversations.replies", {**HERE, **OF_TS}),
    ("chat.postMessage", {**HERE, "text": "y"}),
    ("chat.postMessage", {**HERE, "text": "y", "thread_ts": "TS"}),
    ("chat.getPermalink", {**HERE, "message_ts": "TS"}),
    ("reactions.add", {**HERE, **AT_TS}), ("reactions.get", {**HERE, "timestamp": "TS"}),
    ("reactions.remove", {**HERE, **AT_TS}), ("users.list", {}),
    ("chat.update", {**HERE, **OF_TS, "text": "z"}), ("chat.delete", {**HERE, **OF_TS}),
    ("users.info", {"user": "U0ALICE"}), ("users.profile.get", {"user": "U0ALICE"}),
    ("users.lookupByEmail", {"email": "alice@example.com"}),
    ("users.conversations", {}), ("bots.info", {"bot": "B0OTHER"}),
]
# What people and apps post: recordings hold some of it, cut off in depth.
POSTED = r"\.messages?(\[\])?\.(attachments|blocks|files|room|upload|inviter)\b"
# Beyond the recordings, and why it stays: a workspace's own.
MORE = (r"\.channels?(\[\])?\.(parent_conversation|is_user_deleted|num_members)$",
        r"\.user\.profile\.fields$",
        r"\.message\.(edited\b|ts$)", r"\.messages\[\]\.(purpose|topic|old_name|name|hidden"
        r"|source_team|user_team|parent_user_id|app_id|bot_profile|icons|username)\b")
# In all recordings, but not always with Slack: pictures, what only some plans or
# pages have, what is of the post that was recorded.
LESS = (r"\.image_", r"\.has_2fa$", r"\.enterprise_(id|name)$", r"^\.response_metadata\b",
        r"\.last_read$", r"^\.message\.(attachments\b|subtype$|username$)")


def kind(value):
    for types, word in ((bool, "bool"), ((int, float), "number"), (str, "string"),
                        (list, "list"), (dict, "object")):
        if isinstance(value, types):
            return word
    return "null"


def walk(value, path=""):
    """path and type of all that is in it; the elements of a list have one path."""
    yield path, kind(value)
    if isinstance(value, dict):
        for name, v in value.items():
            yield from walk(v, f"{path}.{name}")
    elif isinstance(value, list):
        for v in value:
            yield from walk(v, path + "[]")


def types_of(*values):
    out = {}
    for value in values:
        for path, word in walk(value):
            out.setdefault(path, set()).add(word)
    return out


def fits(path, patterns):
    return any(re.search(p, path) for p in patterns)


@unittest.skipUnless(SAMPLES, "SLACK_SAMPLES is not set")
class Shapes(Methods):
    def recorded(self, method):
        with open(os.path.join(SAMPLES, method + ".json"), encoding="utf-8") as f:
            bodies = [e["body"] for e in json.load(f)["examples"]]
        # the merged shapes say ok:false and hold every field
        return [b for b in bodies if isinstance(b, dict) and set(b) - {"ok", "error"}
                or b == {"ok": True}]

    def test_every_method(self):
        talk.say_all(self.world, ACME, "CARANDOM01")
        ts = self.post(text="the one")["ts"]
        self.world.say(ACME, "CARANDOM01", "a reply", thread_ts=ts)
        for method, form in CALLS:
            with self.subTest(method, **form):
                ours = types_of(self.of(method, **{
                    k: ts if v == "TS" else v for k, v in form.items()}))
                bodies = self.recorded(method)
                self.assertTrue(bodies)
                slacks, always = types_of(*bodies), set.intersection(
                    *(set(types_of(b)) for b in bodies))
                self.assertEqual([p for p in ours if p not in slacks and not fits(
                    p, (POSTED, *MORE))], [], "Slack has no such key")
                self.assertEqual([(p, t, slacks[p]) for p, t in ours.items()
                                  if t - slacks.get(p, t) - {"null"}
                                  and slacks[p] != {"null"} and not fits(p, (POSTED,))],
                                 [], "Slack's is of another type")
                self.assertEqual([p for p in always if p not in ours and not fits(
                    p, LESS)], [], "Slack has them always")


if __name__ == "__main__":
    unittest.main()
