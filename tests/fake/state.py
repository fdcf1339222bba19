# SPDX-License-Identifier: ISC
"""What the fake Slack knows: organisations, workspaces, channels, messages.  What
can be asked about them is in methods.py, tokens are in rotation.py, whole worlds
in world.py and bigworld.py; nothing of HTTP is here (wire.py)."""
import re
import secrets
import threading
import time

from args import KINDS, SlackError, b64, unb64
from methods import METHODS
from people import MADE, User, slackbot
from rotation import Book, Home


class Channel:
    """more: fields of its shape, such as is_ext_shared=True."""

    def __init__(self, cid, name, kind="public_channel", member=True,
                 archived=False, topic="", user=None, people=None, **more):
        self.id, self.name, self.kind = cid, name, kind
        self.member, self.archived, self.topic = member, archived, topic
        self.user = user            # of a direct conversation
        self.people = people        # members besides the app; None: some
        self.restricted = None      # error word of each post
        self.more, self.messages = more, []     # oldest first; replies too

    def find(self, ts):
        return next((m for m in self.messages if m["ts"] == ts), None)

    def shape(self, team="T0"):
        c = {"id": self.id, "created": MADE, "updated": MADE * 1000,
             "is_archived": self.archived, "is_im": self.kind == "im",
             "is_org_shared": False, "context_team_id": team, "priority": 0}
        if self.kind == "im":
            return {**c, "user": self.user, "is_user_deleted": False, **self.more}
        private = self.kind != "public_channel"
        c.update({
            "name": self.name, "name_normalized": self.name,
            "is_channel": not private, "is_group": private,
            "is_mpim": self.kind == "mpim", "is_private": private,
            "is_general": self.name == "general", "is_shared": False,
            "is_ext_shared": False, "is_pending_ext_shared": False,
            "pending_shared": [], "parent_conversation": None,
            "creator": "U0CREATOR", "unlinked": 0, "is_member": self.member,
            "shared_team_ids": [], "previous_names": [],
            "topic": {"value": self.topic, "creator": "", "last_set": 0},
            "purpose": {"value": "", "creator": "", "last_set": 0},
            "num_members": 3 + len(self.name) if self.people is None
            else len(self.people) + self.member})
        return {**c, **self.more}


class Workspace(Home):
    def __init__(self, book, team_id, name, domain, enterprise=None):
        super().__init__(book, team_id)
        self.team_id, self.name, self.domain = team_id, name, domain
        self.enterprise = enterprise        # {"id","name"} or None
        self.granted = True                 # to the app of its organisation
        self.channels, self.users = {}, {}
        self.strangers = {}                 # Slack Connect: in no list
        self.hidden = set()                 # people who cannot be seen
        self.bots = {}                      # of others: id -> name
        self.page_cap = None                # 15: as the limited cohort's
        self.text_limit = None              # 4000: msg_too_long beyond
        self.edit_window = None             # seconds
        self.limit_required = 1000          # users.list gives all of so many
        self.free_since = None              # ts: older ones cost money

    def identity(self):
        return {"team": {"id": self.team_id, "name": self.name},
                "enterprise": self.enterprise, "is_enterprise_install": False}

    def add(self, *args, **more):
        c = Channel(*args, **more)
        self.channels[c.id] = c
        return c

    def person(self, *args, **more):
        u = User(*args, **more)
        (self.strangers if u.team else self.users)[u.id] = u
        return u

    def everyone(self):
        """What users.list goes through: also the two that are always there."""
        bot = User(self.bot_user, "slackmcpd", bot_id=self.bot_id,
                   app_id=self.book.world.app_id)
        return [*self.users.values(), bot, slackbot()]

    def find_user(self, uid):
        if uid in (self.bot_user, "USLACKBOT"):
            return next(u for u in self.everyone()[-2:] if u.id == uid)
        return self.users.get(uid) or self.strangers.get(uid)

    def permalink(self, c, m):
        url = f"https://{self.domain}.slack.com/archives/{c.id}/" \
              f"p{m['ts'].replace('.', '')}"
        thread = m.get("thread_ts", m["ts"])
        return url if thread == m["ts"] else f"{url}?thread_ts={thread}&cid={c.id}"

    def members(self, c):
        """The ids of a channel's members."""
        people = c.people
        if c.kind == "im":
            people = [c.user]
        elif people is None:
            people = list(self.users)[:3 + len(c.name)]
        return [*people, *([self.bot_user] if c.member else [])]


class Org(Home):
    """An Enterprise organisation; an org-wide install has one token for all of
    its workspaces that are granted."""

    def __init__(self, book, org_id, name):
        super().__init__(book, org_id)
        self.name, self.domain, self.teams = name, "org-fake", {}

    def identity(self):
        return {"team": None, "is_enterprise_install": True,
                "enterprise": {"id": self.id, "name": self.name}}

    def granted(self):
        return [w for w in self.teams.values() if w.granted]

    def place(self, form, needs_team):
        """The workspace of a call with the org's token, or Slack's error."""
        team, channel = form.get("team_id"), form.get("channel")
        if team:
            return let_in(self.teams.get(team), "team_not_found")
        if needs_team:
            raise SlackError("missing_argument")
        if channel:
            if not re.match(r"^[CDGUW][A-Z0-9]{5,}$", channel):
                raise SlackError("team_not_found")      # names fail
            return let_in(next((w for w in self.teams.values()
                                if channel in w.channels), None),
                          "channel_not_found")
        uid = (form.get("user") or form.get("users") or "").split(",")[0]
        return next((w for w in self.granted() if w.find_user(uid)),
                    next(iter(self.granted()), None))


def let_in(w, word):
    if w is None:
        raise SlackError(word)
    if not w.granted:
        raise SlackError("team_access_not_granted")
    return w


class Call:
    """One call of a Web API method: who asks, where, with what."""

    def __init__(self, world, method, form, token):
        self.world, self.form, self.token = world, form, token
        self.home = token.home              # whose bot it is
        self.user = token.chain.user        # of a user's token, else None
        self.place = self.home if isinstance(self.home, Workspace) \
            else self.home.place(form, METHODS[method].team_id)

    @property
    def w(self):
        """The workspace."""
        if self.place is None:
            raise SlackError("team_access_not_granted")
        return self.place

    @property
    def scopes(self):
        return self.token.scopes

    def scope(self, *any_of):
        if not any(s in self.scopes for s in any_of):
            raise SlackError("missing_scope", needed=any_of[0],
                             provided=",".join(sorted(self.scopes)))

    def kind_scope(self, channel, what):
        self.scope(f"{KINDS[channel.kind]}:{what}")

    @property
    def me(self):
        return self.user or self.home.bot_user

    def is_member(self, c):
        return c.member if self.user is None else self.user in self.w.members(c)

    def sees(self, c):
        return c.kind == "public_channel" or self.is_member(c)

    def cursor(self, kind, text):
        return self.world.cursor(kind, text)

    def uncursor(self, kind):
        return self.world.uncursor(kind, self.form["cursor"])


class World:
    """All of the fake Slack; every method under one lock."""

    def __init__(self, client_id="1234567890.1234567890",
                 client_secret=None, redirect_uris=None):
        self.client_id = client_id
        self.client_secret = client_secret or secrets.token_hex(16)
        self.old_secrets = {}               # secret -> when it ends
        self.signing_secret = secrets.token_hex(16)
        self.redirect_uris = redirect_uris  # None: any
        self.app_id = "A0FAKEAPP"
        self.teams, self.orgs = {}, {}
        self.authorize_team = None          # whose page the browser gets: T or E
        self.authorize_user = "U0ALICE"     # who sits before it
        self.deny = False                   # the user presses Cancel
        self.book = Book(self)
        self.rotation = self.book.settings
        self.cursors = 0                    # one more: all earlier have ended
        self.cut_out = set()                # ids dropped after a page is cut
        self.list_cap = None                # no page of a list has more
        self.rewrites = False               # texts are stored as Slack does it
        self.pings = []                     # posts that called a crowd
        self.lock = threading.RLock()
        self.last_ts = 0

    def add(self, *args, **more):
        w = Workspace(self.book, *args, **more)
        self.teams[w.team_id] = w
        self.authorize_team = self.authorize_team or w.team_id
        return w

    def add_org(self, org_id, name, *team_ids):
        """An organisation of workspaces that are there already."""
        org = self.orgs[org_id] = Org(self.book, org_id, name)
        for t in team_ids:
            org.teams[t] = self.teams[t]
            self.teams[t].enterprise = {"id": org_id, "name": name}
        return org

    def home(self, home_id):
        return self.teams.get(home_id) or self.orgs.get(home_id)

    # -- secrets --------------------------------------------------------------

    def secrets(self):
        with self.lock:
            return [self.client_secret, *self.old_secrets, self.signing_secret,
                    *self.book.secrets()]

    def good_secrets(self):
        return [self.client_secret, *(s for s, until in self.old_secrets.items()
                                      if time.time() < until)]

    def change_secret(self, keep=86400):
        """A new client secret; the one before is good for so many seconds."""
        with self.lock:
            self.old_secrets[self.client_secret] = time.time() + keep
            self.client_secret = secrets.token_hex(16)
            return self.client_secret

    def chain(self, home_id, user=None):
        """The tokens of the bot (or of a user) of an install: rotation.Chain."""
        return self.home(home_id).chain(user)

    # -- messages ---------------------------------------------------------

    def new_ts(self):
        now = max(int(time.time() * 1000000), self.last_ts + 1)
        self.last_ts = now
        return f"{now // 1000000}.{now % 1000000:06d}"

    def say(self, team_id, channel, text, user="U0ALICE", thread_ts=None,
            ts=None, **more):
        """A message from somebody else than the app."""
        with self.lock:
            m = {"type": "message", "user": user, "text": text,
                 "ts": ts or self.new_ts(), "team": team_id, **more}
            if thread_ts:
                m["thread_ts"] = thread_ts
            self.teams[team_id].channels[channel].messages.append(m)
            return m["ts"]

    # -- the calls ----------------------------------------------------------

    def authorize(self, q):
        with self.lock:
            return self.book.authorize(q)

    def token(self, text):
        """The token of this text, also an ended one; None: never given."""
        return self.book.tokens.get(text)

    def call(self, method, form, token, basic=None):
        """The answer's body as a dict."""
        with self.lock:
            if method in Book.METHODS:
                return Book.METHODS[method](self.book, form, basic, token)
            if method not in METHODS:
                raise SlackError("unknown_method", req_method=method)
            call = Call(self, method, form, self.book.find(token))
            return {"ok": True, **METHODS[method].fn(call)}

    def cursor(self, kind, text):
        age = f"{self.cursors}." if self.cursors else ""
        return b64(f"{age}{kind}:{text}")

    def uncursor(self, kind, cursor):
        age = f"{self.cursors}." if self.cursors else ""
        return unb64(cursor, f"{age}{kind}:")
