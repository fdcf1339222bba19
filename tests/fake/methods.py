# SPDX-License-Identifier: ISC
"""The methods of the Web API that the fake knows: one row each.  A method takes
a world.Call and gives the answer without its ok, or raises SlackError."""
import collections

import methods_auth
import methods_chat
import methods_conversations

# fn(call); calls a minute (SLACK tiers 1 to 4: 1, 20, 50, 100); whether Slack
# understands a JSON body
Method = collections.namedtuple("Method", "fn per_minute json")
METHODS = {name: Method(*row)
           for module in (methods_auth, methods_conversations, methods_chat)
           for name, row in module.METHODS.items()}
