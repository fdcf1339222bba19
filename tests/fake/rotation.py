# SPDX-License-Identifier: ISC
"""Tokens: access tokens that live long or run out, refresh tokens for one use,
and OAuth v2, which gives them (SLACK.md 11 and 12 of the makers' notes: what the
real one does)."""
import secrets
import time

from args import SlackError


class Settings:
    """Of all chains; a test sets them at any time."""
    expires_in = 43200      # seconds of an access token
    grace = 0               # seconds in which a used refresh token works again
    survivor = "last"       # whose refresh token lives when it did: last, first
    live = 2                # access tokens of a chain that live at once
    reinstall_spends = True     # an install ends the refresh token before it
    code_lives = 600


class Token:
    """An access token: whose it is, its end, and why it stopped before."""

    def __init__(self, text, chain, until=None):
        self.text, self.chain, self.until = text, chain, until
        self.word = None        # the error that calls get instead
        self.exchanged = False  # oauth.v2.exchange had it

    @property
    def home(self):
        return self.chain.home

    @property
    def kind(self):
        return self.chain.kind

    @property
    def scopes(self):
        return self.chain.scopes

    def problem(self):
        over = self.until is not None and time.time() >= self.until
        return self.home.revoked or self.word or (
            "token_expired" if over else None)


class Refresh:
    """A refresh token: for one use, and a little longer (Settings.grace)."""

    def __init__(self, text, chain):
        self.text, self.chain = text, chain
        self.used = None        # when, wall clock
        self.dead = False
        self.next = None        # what came of it


class Chain:
    """The tokens of the bot, or of one user, of one install."""

    def __init__(self, book, home, kind, user=None):
        self.book, self.home, self.kind, self.user = book, home, kind, user
        self.name = f"{home.id}/{user or kind}"
        self.user_scopes = set()
        self.tokens = []        # oldest first, also those that ended
        self.refreshables = []
        self.refreshes = 0      # that gave a pair

    @property
    def scopes(self):
        return self.home.scopes if self.kind == "bot" else self.user_scopes

    def make(self, rotates):
        """A new access token, and with rotation its refresh token."""
        letter = "b" if self.kind == "bot" else "p"
        if not rotates:
            text = f"xox{letter}-{self.home.id[1:]}-{secrets.token_hex(16)}"
            return self.keep(Token(text, self)), None
        settings = self.book.settings
        token = Token(f"xoxe.xox{letter}-1-{secrets.token_urlsafe(120)}", self,
                      time.time() + settings.expires_in)
        alive = [t for t in self.tokens if t.problem() is None]
        for old in alive[:max(len(alive) - settings.live + 1, 0)]:
            old.word = "token_revoked"
        refresh = Refresh(f"xoxe-1-{secrets.token_urlsafe(110)}", self)
        self.refreshables.append(refresh)
        self.book.refreshables[refresh.text] = refresh
        return self.keep(token), refresh

    def keep(self, token):
        self.tokens.append(token)
        self.book.tokens[token.text] = token
        return token

    def install(self, rotates):
        """What an install gives: without rotation always the same token."""
        now = self.tokens[-1] if self.tokens else None
        if not rotates and now and now.until is None and not now.word:
            return now, None
        for t in self.tokens:
            if t.until is None:
                t.word = t.word or "token_revoked"
        if self.book.settings.reinstall_spends:
            for r in self.refreshables:
                r.dead = True
        return self.make(rotates)

    def refresh(self, r):
        """The next pair for this refresh token.  Used twice within the grace, it
        gives two, and only one of their refresh tokens lives."""
        settings, now = self.book.settings, time.time()
        if r.dead or r.used is not None and now - r.used >= settings.grace:
            raise SlackError("invalid_refresh_token")
        for t in self.tokens:       # what was exchanged worked until now
            if t.exchanged:
                t.word = t.word or "token_revoked"
        token, new = self.make(True)
        if r.next is not None:
            (new if settings.survivor == "first" else r.next).dead = True
        r.used, r.next = r.used if r.used is not None else now, new
        self.refreshes += 1
        return token, new

    def end(self, word):
        for t in self.tokens:
            t.word = t.word or word
        for r in self.refreshables:
            r.dead = True

    # -- what tests ask and do ----------------------------------------------

    @property
    def current(self):
        """The newest access token."""
        return self.tokens[-1].text if self.tokens else None

    def alive(self):
        """The access tokens that work now."""
        return [t.text for t in self.tokens if t.problem() is None]

    def usable(self):
        """The refresh tokens that work now, and are not spent."""
        return [r.text for r in self.refreshables
                if r.used is None and not r.dead]

    def expire(self, seconds=0):
        """Its access tokens run out so many seconds from now."""
        for t in self.tokens:
            if t.until is not None:
                t.until = min(t.until, time.time() + seconds)


class Home:
    """What an app is installed in, a workspace or an organisation: its scopes
    and its chains."""

    def __init__(self, book, home_id):
        self.book, self.id = book, home_id
        self.scopes = set()                 # the bot's, granted by installs
        self.grantable = None               # set: what the user agrees to
        self.revoked = None                 # error word of every call
        self.rotates = False                # installs with token rotation
        self.limited = False                # the cohort: 1 page a minute, of 15
        self.users_chains = {}
        tail = home_id[1:]
        self.bot_user, self.bot_id = f"U{tail}BOT", f"B{tail}BOT"
        self.bot = Chain(book, self, "bot")
        self.bot.make(False)

    @property
    def token(self):
        """The bot's newest access token."""
        return self.bot.current

    def chain(self, user=None):
        """The bot's, or a user's."""
        if user is None:
            return self.bot
        if user not in self.users_chains:
            self.users_chains[user] = Chain(self.book, self, "user", user)
        return self.users_chains[user]

    def chains(self):
        return [self.bot, *self.users_chains.values()]

    def grant(self, asked):
        return [s for s in asked if self.grantable is None or s in self.grantable]

    def uninstall(self):
        """An admin removes the app."""
        self.bot.end("account_inactive")
        for c in self.users_chains.values():
            c.end("token_revoked")
        for c in self.chains():
            c.scopes.clear()


class Book:
    """Every token that was given out, and OAuth v2 over them."""

    def __init__(self, world):
        self.world, self.settings = world, Settings()
        self.tokens, self.refreshables, self.codes = {}, {}, {}

    def secrets(self):
        return [*self.tokens, *self.refreshables]

    def find(self, text):
        """The token that a call came with, or Slack's error."""
        if not text:
            raise SlackError("not_authed")
        token = self.tokens.get(text)
        if token is None:
            raise SlackError("invalid_auth")
        if token.problem():
            raise SlackError(token.problem())
        return token

    def revoke(self, token):
        """auth.revoke: with rotation one token, else the authorization."""
        if token.until is not None:
            token.word = "token_revoked"
        elif token.kind == "bot":
            token.home.uninstall()
        else:
            token.chain.end("token_revoked")

    # -- the install ----------------------------------------------------------

    def authorize(self, q):
        """Slack's page, answered by a user who agrees: the redirect's query,
        or an error that Slack would show."""
        world = self.world
        if q.get("client_id") != world.client_id:
            raise SlackError("invalid_client_id")
        uri = q.get("redirect_uri")
        if not uri or world.redirect_uris is not None \
                and uri not in world.redirect_uris:
            raise SlackError("bad_redirect_uri")
        if world.deny:
            return {"error": "access_denied", "state": q.get("state", "")}
        if not q.get("scope") and not q.get("user_scope"):
            raise SlackError("no_scopes")
        team = q.get("team")
        code = f"{secrets.token_hex(8)}.{secrets.token_hex(24)}"
        self.codes[code] = {
            "home": world.home(team) or world.home(world.authorize_team),
            "uri": uri, "used": False, "user": world.authorize_user,
            "scopes": [s for s in q.get("scope", "").split(",") if s],
            "user_scopes": [s for s in q.get("user_scope", "").split(",") if s],
            "until": time.time() + self.settings.code_lives}
        return {"code": code, "state": q.get("state", "")}

    def client(self, form, basic):
        """The app's id and secret, by HTTP Basic or as arguments."""
        client, secret = basic or (form.get("client_id"),
                                   form.get("client_secret"))
        if client != self.world.client_id:
            raise SlackError("invalid_client_id")
        if secret not in self.world.good_secrets():
            raise SlackError("bad_client_secret")

    def access(self, form, basic, _token):
        """oauth.v2.access"""
        self.client(form, basic)
        grant = form.get("grant_type", "authorization_code")
        if grant == "refresh_token":
            r = self.refreshables.get(form.get("refresh_token"))
            if r is None:
                raise SlackError("invalid_refresh_token")
            return self.flat(*r.chain.refresh(r))
        if grant != "authorization_code":
            raise SlackError("invalid_grant_type")
        c = self.codes.get(form.get("code"))
        if c is None or c["used"] or c["until"] < time.time():
            raise SlackError("invalid_code")
        if form.get("redirect_uri") != c["uri"]:
            raise SlackError("bad_redirect_uri")
        c["used"] = True
        return self.installed(c)

    def exchange(self, form, basic, token):
        """oauth.v2.exchange: a long-lived token for a first pair."""
        self.client(form, basic)
        old = self.tokens.get(form.get("token") or token)
        if old is None or old.problem():
            raise SlackError("invalid_token")
        if not old.home.rotates:
            raise SlackError("token_rotation_not_enabled")
        if old.exchanged or old.until is not None:
            raise SlackError("token_already_exchanged")
        old.exchanged = True
        return self.flat(*old.chain.make(True))

    def installed(self, c):
        home = c["home"]
        answer = {"ok": True, "app_id": self.world.app_id,
                  "authed_user": {"id": c["user"]}, **home.identity()}
        if c["scopes"]:
            granted = home.grant(c["scopes"])
            home.scopes |= set(granted)
            answer.update(scope=",".join(granted), bot_user_id=home.bot_user,
                          **self.pair(*home.bot.install(home.rotates)))
        if c["user_scopes"]:
            granted = home.grant(c["user_scopes"])
            chain = home.chain(c["user"])
            chain.user_scopes |= set(granted)
            answer["authed_user"].update(
                scope=",".join(granted),
                **self.pair(*chain.install(home.rotates)))
        return answer

    def pair(self, token, refresh):
        out = {"access_token": token.text, "token_type": token.kind}
        if refresh is not None:
            out.update(refresh_token=refresh.text,
                       expires_in=int(self.settings.expires_in))
        return out

    def flat(self, token, refresh):
        """Without authed_user: whose it is says token_type."""
        chain = token.chain
        out = {"ok": True, "app_id": self.world.app_id,
               **self.pair(token, refresh), **chain.home.identity(),
               "scope": ",".join(sorted(chain.scopes))}
        if chain.kind == "bot":
            out["bot_user_id"] = chain.home.bot_user
        else:
            out["user_id"] = chain.user
        return out

    # no token of Slack's opens these: the app's id and secret do
    METHODS = {"oauth.v2.access": access, "oauth.v2.exchange": exchange}

    def chain_of(self, form):
        """The chain that a refresh is about, for the log."""
        r = self.refreshables.get(form.get("refresh_token"))
        return r and r.chain
