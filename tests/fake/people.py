# SPDX-License-Identifier: ISC
"""A person or a bot, as users.list and users.info show them."""
MADE = 1700000000       # when everything began


class User:
    __slots__ = ("id", "name", "real_name", "display_name", "title", "status",
                 "deleted", "is_bot", "bot_id", "app_id", "restricted", "admin",
                 "tz", "team", "fields")

    def __init__(self, uid, name, real_name="", display_name=None, title="",
                 status=("", ""), deleted=False, bot_id=None, app_id=None,
                 restricted=False, admin=False, tz=("Europe/Berlin", 3600),
                 team=None, fields=None):
        self.id, self.name = uid, name
        self.real_name = real_name or name
        # may be empty: then the real name counts
        self.display_name = name if display_name is None else display_name
        self.title, self.status = title, status         # emoji, text
        self.deleted, self.restricted, self.admin = deleted, restricted, admin
        self.is_bot, self.bot_id, self.app_id = bot_id is not None, bot_id, app_id
        self.tz, self.team = tz, team                   # team: of a stranger
        self.fields = fields or {}

    def profile(self, team, email=False):
        first, _, last = self.real_name.partition(" ")
        mark = f"g{hash_of(self.id):011x}"
        p = {"title": self.title, "phone": "", "skype": "",
             "real_name": self.real_name, "real_name_normalized": self.real_name,
             "display_name": self.display_name,
             "display_name_normalized": self.display_name,
             "fields": self.fields, "status_text": self.status[1],
             "status_emoji": self.status[0], "status_emoji_display_info": [],
             "status_expiration": 0, "status_text_canonical": "",
             "avatar_hash": mark, "first_name": first, "last_name": last,
             "team": self.team or team}
        for size in (24, 32, 48, 72, 192, 512):
            p[f"image_{size}"] = f"https://avatars.example.com/{mark}_{size}.png"
        if email and not self.is_bot:
            p["email"] = f"{self.name}@example.com"
        if self.is_bot:
            p.update(bot_id=self.bot_id, api_app_id=self.app_id or "",
                     always_active=True)
        return p

    def shape(self, team, email=False):
        u = {"id": self.id, "team_id": self.team or team, "name": self.name,
             "deleted": self.deleted, "profile": self.profile(team, email),
             "is_bot": self.is_bot, "is_app_user": False, "updated": MADE}
        if self.team:
            u["is_stranger"] = True
        if self.deleted:        # the dead tell less
            return u
        u.update({
            "color": f"{hash_of(self.id) % 0xffffff:06x}",
            "real_name": self.real_name, "tz": self.tz[0],
            "tz_label": self.tz[0].rpartition("/")[2].replace("_", " ") + " Time",
            "tz_offset": self.tz[1], "is_admin": self.admin, "is_owner": False,
            "is_primary_owner": False, "is_restricted": self.restricted,
            "is_ultra_restricted": False, "is_email_confirmed": True,
            "who_can_share_contact_card": "EVERYONE"})
        return u


def hash_of(text):
    n = 0
    for c in text:
        n = (n * 131 + ord(c)) % 0xfffffffffff
    return n


def slackbot():
    return User("USLACKBOT", "slackbot", "Slackbot", "Slackbot", bot_id="B01")
