# SPDX-License-Identifier: ISC
"""A workspace of 20,000 people and 5,000 channels, always the same one.  What
stands in a channel is made when it is first looked at."""
from state import Channel, World
from talk import chatter

FIRST = ("Ada Bela Chiara Dmitri Elif Femi Grete Hugo Ines Jaro Kaja Lars Mira Nils "
         "Oda Pavel Quirin Rosa Søren Tove Ulla Vito Wanda Xenia Yusuf Zoë").split()
LAST = ("Acker Berg Cohen Dahl Eriksen Fuchs Gruber Holm Ivanov Jansen Krüger Lund "
        "Moreau Nowak Olsen Petrov Quist Rossi Sato Thorn Ude Vogel Weiß Yıldız "
        "Zeman").split()
TOPICS = "alarm build care data edge field grid help infra jobs".split()
ZONES = (("Europe/Berlin", 3600), ("America/New_York", -18000),
         ("Asia/Tokyo", 32400), ("America/Sao_Paulo", -10800))
TEAM = "T0BIG00001"


class LazyChannel(Channel):
    """Its messages come into being with the first look."""
    world = made = None

    @property
    def messages(self):
        if self.made is None:
            self.made = chatter(self.id, self.size) if self.size else []
        return self.made

    @messages.setter
    def messages(self, value):
        self.made = value or None

    size = 0


def user_id(i):
    return f"{'W' if i % 50 == 7 else 'U'}0BIG{i:06d}"


def channel_id(i):
    return f"C0BIG{i:06d}"


def add_user(w, i):
    first, last = FIRST[i % len(FIRST)], LAST[i // len(FIRST) % len(LAST)]
    name = f"{first}.{last}{i}".lower() if i else "ada"
    if i % 100 == 99:
        return w.person(user_id(i), f"robot{i}", f"Robot {i}",
                        bot_id=f"B0BIG{i:06d}", app_id="A0ROBOTS01")
    return w.person(user_id(i), name, f"{first} {last}",
                    "" if i % 10 == 3 else name,
                    title=f"{TOPICS[i % 10]} {i % 7}" if i % 3 else "",
                    deleted=i % 33 == 32, restricted=i % 40 == 39, tz=ZONES[i % 4])


def add_channel(w, i, size):
    kind = "private_channel" if i % 20 == 19 else "public_channel"
    c = LazyChannel(
        channel_id(i), "general" if i == 0 else f"{TOPICS[i % 10]}-{i:04d}", kind,
        member=kind != "public_channel" or i % 5 == 0, archived=i % 10 == 9,
        topic=f"All about {TOPICS[i % 10]} &amp; more" if i % 2 else "",
        people=[user_id((i * 37 + k) % 1000) for k in range(2 + i % 30)])
    c.size = size
    w.channels[c.id] = c


def big_world(users=20000, channels=5000, messages=300, team=TEAM, **more):
    """messages: how many stand in each channel."""
    world = World(**more)
    w = world.add(team, "Big & Co", "big-fake")
    for i in range(users):
        add_user(w, i)
    for i in range(channels):
        add_channel(w, i, messages)
    return world
