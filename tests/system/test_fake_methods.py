# SPDX-License-Identifier: ISC
"""The Web API of the fake Slack: its methods answer as Slack's are known to."""
import json
import unittest

from fakecase import ACME, BETA, FakeCase


class Methods(FakeCase):
    """One install of all scopes in Acme; each method and what Slack says of it."""
    SCOPES = ("chat:write,channels:read,groups:read,im:read,mpim:read,"
              "channels:history,groups:history,im:history,mpim:history,"
              "channels:join,im:write,mpim:write,users:read,users:read.email,"
              "users.profile:read,reactions:read,reactions:write,team:read")

    def setUp(self):
        super().setUp()
        self.acme = self.world.teams[ACME]
        self.token = self.good(self.install(scope=self.SCOPES))["access_token"]

    def of(self, method, **form):
        return self.good(self.ask(method, self.token, **form))

    def no(self, word, method, **form):
        return self.bad(word, self.ask(method, self.token, **form))

    def pages(self, method, what, **form):
        """All the things of a listing, and how many each page had."""
        things, sizes, cursor = [], [], ""
        while True:
            a = self.of(method, **form, **({"cursor": cursor} if cursor else {}))
            things += a[what]
            sizes.append(len(a[what]))
            cursor = a["response_metadata"]["next_cursor"]
            if not cursor:
                return things, sizes

    def post(self, channel="CARANDOM01", **form):
        return self.of("chat.postMessage", channel=channel, **form)


class People(Methods):
    def test_list(self):
        people, sizes = self.pages("users.list", "members", limit=4)
        self.assertEqual(sizes, [4, 4, 1])
        ids = [u["id"] for u in people]
        self.assertEqual(len(set(ids)), 9)
        self.assertNotIn("U0STRANGE", ids)      # of a shared channel
        by = {u["id"]: u for u in people}
        self.assertEqual(by["U0BOB"]["profile"]["display_name"], "")
        self.assertEqual(by["U0ALICE"]["profile"]["email"], "alice@example.com")
        self.assertTrue(by["U0DAVE001"]["deleted"])
        self.assertNotIn("tz", by["U0DAVE001"])
        self.assertEqual(by["U0ACME0001BOT"]["profile"]["bot_id"], "B0ACME0001BOT")
        self.acme.scopes.discard("users:read.email")
        all_of = self.of("users.list")["members"]
        self.assertEqual(len(all_of), 9)
        self.assertFalse(any("email" in u["profile"] for u in all_of))
        self.acme.limit_required = 8
        self.no("limit_required", "users.list")
        self.no("invalid_cursor", "users.list", limit=2, cursor="bm8=")
        self.acme.scopes.discard("users:read")
        a = self.no("missing_scope", "users.list", limit=2)
        self.assertEqual(a["needed"], "users:read")
        self.assertIn("chat:write", a["provided"])

    def test_one(self):
        self.assertEqual(self.of("users.info", user="U0STRANGE")["user"]["team_id"],
                         "T0ELSEWH1")
        self.no("user_not_found", "users.info", user="U0NOBODY1")
        self.no("user_not_visible", "users.info", user="U0HIDDEN1")
        a = self.no("invalid_arguments", "users.info")
        self.assertIn("missing required field: user",
                      a["response_metadata"]["messages"][0])
        p = self.of("users.profile.get", user="U0ALICE")["profile"]
        self.assertEqual((p["title"], p["status_emoji"]),
                         ("Head of lunch", ":palm_tree:"))
        self.assertEqual(self.of("users.profile.get")["profile"]["bot_id"],
                         self.acme.bot_id)
        self.assertEqual(self.of("users.lookupByEmail", email="bob@example.com")
                         ["user"]["id"], "U0BOB")
        self.no("users_not_found", "users.lookupByEmail", email="x@example.com")
        self.assertEqual(self.of("bots.info", bot="B0OTHER")["bot"]["name"], "builds")
        self.no("bot_not_found", "bots.info", bot="B0NOBODY1")
        self.assertEqual(self.of("team.info")["team"]["domain"], "acme-fake")

    def test_conversations(self):
        mine = self.of("users.conversations", limit=999)["channels"]
        self.assertNotIn("COUTSID", str(mine))
        self.assertFalse(any("is_member" in c or "num_members" in c for c in mine))
        self.assertEqual(len(mine), 44)
        theirs = self.of("users.conversations", user="U0ALICE", types="im")
        self.assertEqual([c["user"] for c in theirs["channels"]], ["U0ALICE"])


class Channels(Methods):
    def test_list(self):
        """Archived ones go after the page is cut: short pages, empty ones too."""
        for c in list(self.acme.channels.values())[8:12]:
            c.archived = True
        chans, sizes = self.pages("conversations.list", "channels", limit=3,
                                  exclude_archived="true")
        self.assertIn(0, sizes)
        self.assertEqual(max(sizes), 3)
        self.assertFalse(any(c["is_archived"] for c in chans))
        raw = self.ask("conversations.list", self.token, limit=3).raw
        self.assertIn(b"gr\\u00f6\\u00dfe-\\u65e5", raw)
        self.assertIn(b"\\ud83c\\udf89", raw)
        raw = self.ask("users.info", self.token, user="U0BOB").raw
        self.assertIn(b'"https:\\/\\/avatars.example.com\\/', raw)
        self.world.cut_out = {"CAGENERAL1"}
        self.assertNotIn("CAGENERAL1", str(self.of("conversations.list", limit=3)))
        kinds = self.of("conversations.list", types="im,private_channel")["channels"]
        self.assertEqual([c["id"] for c in kinds], ["GASECRET01", "DAALICE001"])
        self.no("invalid_types", "conversations.list", types="secret")
        cursor = self.of("conversations.list", limit=3)[
            "response_metadata"]["next_cursor"]
        self.world.cursors += 1         # cursors do not last
        self.no("invalid_cursor", "conversations.list", limit=3, cursor=cursor)
        self.acme.scopes.discard("groups:read")
        a = self.no("missing_scope", "conversations.list",
                    types="public_channel,private_channel")
        self.assertEqual(a["needed"], "groups:read")

    def test_info_members_join(self):
        a = self.of("conversations.info", channel="CAGENERAL1")["channel"]
        self.assertNotIn("num_members", a)
        a = self.of("conversations.info", channel="CAGENERAL1",
                    include_num_members="true")["channel"]
        self.assertEqual(a["num_members"], 10)
        self.no("channel_not_found", "conversations.info", channel="CAHIDDEN01")
        self.no("channel_not_found", "conversations.info", channel="")
        self.no("invalid_arguments", "conversations.info")
        ids, _ = self.pages("conversations.members", "members", limit=2,
                            channel="CAGENERAL1")
        self.assertEqual(len(set(ids)), 8)
        self.assertIn(self.acme.bot_user, ids)
        self.no("not_in_channel", "conversations.history", channel="CAOUTSID01")
        self.of("conversations.join", channel="CAOUTSID01")
        self.of("conversations.history", channel="CAOUTSID01")
        self.assertEqual(self.of("conversations.join", channel="CAOUTSID01")[
            "warning"], "already_in_channel")
        self.no("is_archived", "conversations.join", channel="CAARCHIV01")
        self.no("method_not_supported_for_channel_type", "conversations.join",
                channel="GASECRET01")

    def test_open(self):
        a = self.of("conversations.open", users="U0ALICE")
        self.assertEqual((a["channel"], a["already_open"]),
                         ({"id": "DAALICE001"}, True))
        new = self.of("conversations.open", users="U0BOB", return_im="true")
        self.assertEqual(new["channel"]["user"], "U0BOB")
        self.assertNotIn("no_op", new)
        group = self.of("conversations.open", users="U0BOB,U0ALICE,W0CAROL01")
        again = self.of("conversations.open", users="W0CAROL01,U0BOB,U0ALICE")
        self.assertEqual(group["channel"], again["channel"])
        got = self.of("conversations.list", types="mpim")["channels"]
        self.assertEqual(got[0]["name"], "mpdm-alice--bob--carol-1")
        for word, users in (("users_list_not_supplied", ""),
                            ("too_many_users", ",".join(["U0BOB"] * 9)),
                            ("user_not_found", "U0NOBODY1"),
                            ("user_not_visible", "U0HIDDEN1"),
                            ("user_disabled", "U0DAVE001")):
            self.no(word, "conversations.open", users=users)

    def test_history(self):
        ts = [m["ts"] for m in self.of("conversations.history", limit=999,
                                       channel="CAGENERAL1")["messages"]]
        self.assertEqual(ts, sorted(ts, reverse=True))
        one = self.of("conversations.history", channel="CAGENERAL1", latest=ts[7],
                      inclusive="true", limit=1)
        self.assertEqual([m["ts"] for m in one["messages"]], [ts[7]])
        some = self.of("conversations.history", channel="CAGENERAL1", latest=ts[2],
                       oldest=ts[6])
        self.assertEqual([m["ts"] for m in some["messages"]], ts[3:6])
        self.no("invalid_ts_oldest", "conversations.history", oldest="1d",
                channel="CAGENERAL1")
        self.acme.free_since = ts[5]
        a = self.of("conversations.history", channel="CAGENERAL1")
        self.assertEqual((len(a["messages"]), a["is_limited"]), (6, True))

    def test_replies(self):
        parent = "1700000004.000100"
        for i in range(6):
            self.post("CAGENERAL1", text=f"r{i}", thread_ts=parent)
        self.post("CAGENERAL1", text="loud", thread_ts=parent,
                  reply_broadcast="true")
        seen, cursor = [], None
        while cursor != "":
            a = self.of("conversations.replies", channel="CAGENERAL1", ts=parent,
                        limit=3, **({"cursor": cursor} if cursor else {}))
            seen.append([m["text"] for m in a["messages"]])
            self.assertEqual(a["has_more"], "response_metadata" in a)
            cursor = a.get("response_metadata", {}).get("next_cursor", "")
        self.assertEqual(seen, [["who is for lunch?", "me", "r0"],
                                ["r1", "r2", "r3"], ["r4", "r5", "loud"]])
        last = a["messages"][-1]
        self.assertEqual((last["subtype"], last["parent_user_id"]),
                         ("thread_broadcast", "U0ALICE"))
        by_reply = self.of("conversations.replies", channel="CAGENERAL1",
                           ts=last["ts"])
        self.assertEqual(len(by_reply["messages"]), 9)
        top = self.of("conversations.history", channel="CAGENERAL1", limit=1)
        self.assertEqual(top["messages"][0]["text"], "loud")
        head, = self.of("conversations.history", channel="CAGENERAL1", limit=1,
                        latest=parent, inclusive="true")["messages"]
        self.assertEqual((head["reply_count"], head["latest_reply"]),
                         (8, last["ts"]))
        self.no("thread_not_found", "conversations.replies", channel="CAGENERAL1",
                ts="1600000000.000100")
        self.acme.limited = True
        a = self.of("conversations.replies", channel="CAGENERAL1", ts=parent,
                    limit=1000)
        self.assertEqual(len(a["messages"]), 9)


class Posts(Methods):
    def stored(self, answer):
        return self.acme.channels[answer["channel"]].find(answer["ts"])

    def test_where(self):
        for word, channel in (("is_archived", "CAARCHIV01"),
                              ("not_in_channel", "CAOUTSID01"),
                              ("channel_not_found", "CAHIDDEN01")):
            self.no(word, "chat.postMessage", channel=channel, text="x")
        self.acme.scopes.add("chat:write.public")
        self.post("CAOUTSID01", text="x")
        self.no("is_archived", "chat.postMessage", channel="CAARCHIV01", text="x")
        self.assertEqual(self.post("#random", text="x")["channel"], "CARANDOM01")
        self.assertEqual(self.post("U0ALICE", text="x")["channel"], "DAALICE001")
        self.acme.channels["CARANDOM01"].restricted = "restricted_action"
        self.no("restricted_action", "chat.postMessage", channel="CARANDOM01",
                text="x")

    def test_what(self):
        c = {"channel": "CARANDOM01"}
        long = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}]
        for word, form in (
                ("no_text", {"text": " "}), ("no_text", {}),
                ("invalid_blocks_format", {"blocks": "[{"}),
                ("invalid_blocks_format", {"blocks": "{}"}),
                ("invalid_blocks", {"blocks": json.dumps(long)}),
                ("invalid_blocks", {"blocks": json.dumps([{"type": "divider"}] * 51)}),
                ("too_many_attachments", {"attachments": json.dumps([{}] * 101)}),
                ("markdown_text_conflict", {"text": "x", "markdown_text": "y"}),
                ("msg_too_long", {"markdown_text": "x" * 12001}),
                ("invalid_metadata_format", {"text": "x", "metadata": "{"})):
            self.no(word, "chat.postMessage", **c, **form)
        a = self.post(text="x" * 40001)
        self.assertEqual((a["warning"], len(a["message"]["text"])),
                         ("message_truncated", 40000))
        self.acme.text_limit = 4000
        self.no("msg_too_long", "chat.postMessage", **c, text="x" * 4001)
        a = self.post(markdown_text="# Top\n**b** & [p](https://e.example/?a=1&b=2)")
        self.assertEqual(a["message"]["text"],
                         "*Top*\n*b* &amp; <https://e.example/?a=1&amp;b=2|p>")
        a = self.post(blocks=json.dumps([{"type": "divider"}]))
        self.assertEqual(a["message"]["blocks"], [
            {"block_id": "b0", "type": "divider"}])

    def test_json_body(self):
        a = self.http("POST", "/api/chat.postMessage", json.dumps(
            {"channel": "CARANDOM01", "text": "by JSON", "unfurl_links": False}),
            {"Authorization": "Bearer " + self.token,
             "Content-Type": "application/json"})
        self.assertEqual(self.good(a)["warning"], "missing_charset")
        a = self.http("POST", "/api/users.info", '{"user": "U0BOB"}', {
            "Authorization": "Bearer " + self.token,
            "Content-Type": "application/json; charset=utf-8"})
        self.bad("invalid_arguments", a)        # it does not read JSON

    def test_where_the_token_may_be(self):
        for path, headers in (
                ("users.info?user=U0BOB&token=" + self.token, {}),
                ("users.info?user=U0BOB&token=x",
                 {"Authorization": "Bearer " + self.token}),
                ("users.info?user=U0BOB", {"Authorization": "bearer " + self.token})):
            self.bad("not_authed", self.http("GET", "/api/" + path, None, headers))
        self.good(self.http("GET", "/api/users.info?user=U0BOB", None, {
            "Authorization": "Bearer " + self.token}))
        self.bad("not_authed", self.ask("users.info", user="U0BOB",
                                        token=self.token))
        self.bad("invalid_post_type", self.http("POST", "/api/users.info", "user=U0BOB", {
            "Authorization": "Bearer " + self.token, "Content-Type": "text/plain"}))

    def test_text_as_slack_keeps_it(self):
        text = "a & b <c> &lt;d&gt; https://e.example/?x=1&amp;y=2 <@U0BOB> 🎉"
        self.assertEqual(self.stored(self.post(text=text))["text"], text)
        self.world.rewrites = True
        self.assertEqual(
            self.stored(self.post(text=text))["text"],
            "a &amp; b &lt;c&gt; &lt;d&gt; <https://e.example/?x=1&amp;y=2> "
            "<@U0BOB> :tada:")
        self.assertEqual(
            self.stored(self.post(text="https://e.example/", parse="none"))["text"],
            "https://e.example/")

    def test_previews_and_crowds(self):
        quiet = self.post(text="https://e.example/1", unfurl_links="false")
        self.assertNotIn("attachments", self.stored(quiet))
        loud = self.post(text="https://e.example/2")
        self.assertNotIn("attachments", loud["message"])
        self.assertEqual(self.stored(loud)["attachments"][0]["from_url"],
                         "https://e.example/2")
        self.post(text="&lt;!channel&gt; @here a@channel")
        self.assertEqual(self.world.pings, [])
        for form, want in (
                ({"text": "<!channel> <!here|here>"}, ["channel", "here"]),
                ({"text": "<!subteam^S1|@ops>"}, ["subteam^S1"]),
                ({"text": "@everyone", "link_names": "true"}, ["everyone"]),
                ({"markdown_text": "hey @channel"}, ["channel"]),
                ({"markdown_text": "hey <!here>"}, ["here"]),
                ({"blocks": json.dumps([{"type": "rich_text", "elements": [
                    {"type": "rich_text_section", "elements": [
                        {"type": "broadcast", "range": "channel"}]}]}])},
                 ["channel"])):
            self.post(**form)
            self.assertEqual(self.world.pings[-1]["crowds"], want)

    def test_threads(self):
        parent = self.post(text="p")["ts"]
        self.no("invalid_thread_ts", "chat.postMessage", channel="CARANDOM01",
                text="x", thread_ts="0")
        self.no("thread_not_found", "chat.postMessage", channel="CARANDOM01",
                text="x", thread_ts="1600000000.000100")
        lost = self.post(text="lost", thread_ts=parent[:-2])    # through a float
        reply = self.post(text="r", thread_ts=parent)
        self.post(text="astray", thread_ts=reply["ts"])
        seen = self.of("conversations.replies", channel="CARANDOM01", ts=parent)
        self.assertEqual([m["text"] for m in seen["messages"]], ["p", "r"])
        top = self.of("conversations.history", channel="CARANDOM01")["messages"]
        self.assertNotIn(lost["ts"], [m["ts"] for m in top])
        link = self.of("chat.getPermalink", channel="CARANDOM01",
                       message_ts=reply["ts"])["permalink"]
        self.assertEqual(link, "https://acme-fake.slack.com/archives/CARANDOM01/p"
                         f"{reply['ts'].replace('.', '')}?thread_ts={parent}"
                         "&cid=CARANDOM01")
        self.no("message_not_found", "chat.getPermalink", channel="CARANDOM01",
                message_ts="1.000100")
        self.of("chat.delete", channel="CARANDOM01", ts=parent)
        head = self.of("conversations.replies", channel="CARANDOM01", ts=parent)
        self.assertEqual([m.get("subtype") for m in head["messages"]],
                         ["tombstone", None])

    def test_update_and_delete(self):
        a = {"channel": "CARANDOM01", "ts": self.post(text="one")["ts"]}
        self.assertEqual(self.of("chat.update", **a, text="two")["text"], "two")
        m = self.acme.channels["CARANDOM01"].find(a["ts"])
        self.assertEqual((m["text"], m["edited"]["user"]),
                         ("two", self.acme.bot_user))
        self.no("msg_too_long", "chat.update", **a, text="x" * 4001)
        self.no("no_text", "chat.update", **a)
        theirs = {"channel": "CAGENERAL1", "ts": "1700000003.000100"}
        self.no("cant_update_message", "chat.update", **theirs, text="x")
        self.no("cant_delete_message", "chat.delete", **theirs)
        self.acme.edit_window = -1
        self.no("edit_window_closed", "chat.update", **a, text="x")
        self.of("chat.delete", **a)
        self.no("message_not_found", "chat.delete", **a)

    def test_reactions(self):
        a = {"channel": "CAGENERAL1", "timestamp": "1700000004.000100"}
        self.of("reactions.add", **a, name="+1")
        self.of("reactions.add", **a, name="wave::skin-tone-2")
        self.no("already_reacted", "reactions.add", **a, name="+1")
        m = self.of("reactions.get", **a)["message"]
        self.assertEqual([(r["name"], r["count"]) for r in m["reactions"]],
                         [("+1", 3), ("wave::skin-tone-2", 1)])
        self.of("reactions.remove", **a, name="wave::skin-tone-2")
        self.no("no_reaction", "reactions.remove", **a, name="wave::skin-tone-2")
        self.no("invalid_name", "reactions.add", **a, name=":+1:")
        self.no("invalid_name", "reactions.add", **a, name="no_such_emoji")
        self.no("bad_timestamp", "reactions.add", **{**a, "timestamp": "1"},
                name="x")
        self.no("message_not_found", "reactions.add",
                **{**a, "timestamp": "1600000000.000100"}, name="x")
        self.no("no_item_specified", "reactions.add", name="x")
        self.no("is_archived", "reactions.add", channel="CAARCHIV01", name="x",
                timestamp=self.world.say(ACME, "CAARCHIV01", "x"))


class Orgs(FakeCase):
    def test_org_wide(self):
        """One token for the workspaces that are granted; ids alone name things."""
        org = self.world.add_org("E0ORG00001", "Org", ACME, BETA)
        a = self.good(self.install("E0ORG00001", scope=Methods.SCOPES))
        self.assertTrue(a["is_enterprise_install"])
        self.assertEqual((a["team"], a["enterprise"]["id"]), (None, "E0ORG00001"))
        t = a["access_token"]
        me = self.good(self.ask("auth.test", t))
        self.assertEqual((me["enterprise_id"], me["is_enterprise_install"]),
                         ("E0ORG00001", True))
        self.world.teams[BETA].granted = False
        teams = self.good(self.ask("auth.teams.list", t))["teams"]
        self.assertEqual([x["id"] for x in teams], [ACME])
        self.bad("invalid_limit", self.ask("auth.teams.list", t, limit=1001))
        for m in ("conversations.list", "users.list", "users.conversations"):
            self.bad("missing_argument", self.ask(m, t))
            self.bad("team_access_not_granted", self.ask(m, t, team_id=BETA))
            self.bad("team_not_found", self.ask(m, t, team_id="T0NOBODY1"))
            self.good(self.ask(m, t, team_id=ACME))
        self.bad("team_not_found", self.ask(
            "chat.postMessage", t, channel="#random", text="x"))
        self.bad("team_access_not_granted", self.ask(
            "chat.postMessage", t, channel="CBRANDOM01", text="x"))
        m = self.good(self.ask("chat.postMessage", t, channel="CARANDOM01", text="x"))
        self.assertEqual(m["message"]["user"], org.bot_user)
        self.good(self.ask("users.info", t, user="U0ALICE"))
        for w in org.teams.values():
            w.granted = False
        self.bad("team_access_not_granted", self.ask("users.info", t, user="U0BOB"))
        self.assertEqual(self.good(self.ask("auth.teams.list", t))["teams"], [])
        own = self.good(self.install(ACME))     # besides the org's
        self.assertEqual(own["enterprise"]["id"], "E0ORG00001")
        self.good(self.ask("conversations.list", own["access_token"]))

    def test_what_is_given_and_taken(self):
        """As events and in the list, which comes in pages; whose a thing is."""
        self.world.add_org("E0ORG00001", "Org", ACME, BETA)
        self.world.teams[BETA].person("U0ONLY0001", "only")
        t = self.good(self.install("E0ORG00001", scope=Methods.SCOPES))["access_token"]

        def listed():
            seen, cursor = [], None
            while cursor != "":
                a = self.good(self.ask("auth.teams.list", t, limit=100,
                                       **({"cursor": cursor} if cursor else {})))
                seen.append([x["id"] for x in a["teams"]])
                cursor = a["response_metadata"]["next_cursor"]
            return seen
        self.world.list_cap = 1
        self.assertEqual(listed(), [[ACME], [BETA]])
        for user, teams in (("U0ALICE", [ACME, BETA]), ("U0ONLY0001", [BETA])):
            u = self.good(self.ask("users.info", t, user=user))["user"]
            self.assertEqual(u["enterprise_user"]["teams"], teams)
        for channel, team in (("CARANDOM01", ACME), ("CBRANDOM01", BETA)):
            c = self.good(self.ask("conversations.info", t, channel=channel))["channel"]
            self.assertEqual(c["context_team_id"], team)
        body = self.fake.events.team_access("E0ORG00001", False, BETA)
        self.assertEqual(body["event"], {"type": "team_access_revoked",
                                         "team_ids": [BETA]})
        self.assertEqual(listed(), [[ACME]])
        self.fake.events.team_access("E0ORG00001", True, BETA)
        self.assertEqual(listed(), [[ACME], [BETA]])

    def test_persons_token(self):
        """A person reads all that is public, and what they are in."""
        a = self.good(self.install(scope="", user_scope=Methods.SCOPES))
        t = a["authed_user"]["access_token"]
        self.good(self.ask("conversations.history", t, channel="CAOUTSID01"))
        got = self.good(self.ask("chat.postMessage", t, channel="CAGENERAL1",
                                 text="as Alice"))["message"]
        self.assertEqual(got["user"], "U0ALICE")
        self.assertNotIn("bot_id", got)


if __name__ == "__main__":
    unittest.main()
