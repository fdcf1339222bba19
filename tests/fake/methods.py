# SPDX-License-Identifier: ISC
"""The methods of the Web API that the fake knows: one row each.  A method takes
a state.Call and gives the answer without its ok, or raises SlackError."""
import collections

import methods_auth
import methods_chat
import methods_conversations
import methods_history
import methods_reactions
import methods_users

# fn(call); calls a minute (SLACK tiers 1 to 4: 1, 20, 50, 100); whether Slack
# understands a JSON body; whether an organisation's token has to say team_id
Method = collections.namedtuple("Method", "fn per_minute json team_id",
                                defaults=(False,))
METHODS = {name: Method(*row)
           for module in (methods_auth, methods_conversations, methods_history,
                          methods_chat, methods_reactions, methods_users)
           for name, row in module.METHODS.items()}
