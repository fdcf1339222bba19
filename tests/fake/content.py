# SPDX-License-Identifier: ISC
"""What is posted: whether Slack takes it, what it makes of the text, and whom it
calls."""
import html
import re

from args import SlackError, nested, said, truth, warned

BLOCKS = {"actions", "context", "divider", "file", "header", "image", "input",
          "markdown", "rich_text", "section", "table", "video"}
TEXT_MAX, BEST_MAX, MARKDOWN_MAX = 40000, 4000, 12000
CONTROL = r"<(?:[@#!][^<>\n]+|(?:https?|mailto):[^<>\n]+)>"
URL = r"https?://[^\s<>|]+"
EMOJI = {"🎉": "tada", "👍": "+1", "😀": "grinning", "❤️": "heart", "🚀": "rocket"}
CROWD = re.compile(r"<!(channel|here|everyone|subteam\^[A-Z0-9]+)[|>]")
ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
AT_CROWD = re.compile(r"(?<![\w@])@(channel|here|everyone)\b")


def content_of(call, most=None):
    """text, blocks, attachments, metadata of a post or an update, checked; and
    what the answer warns of."""
    form = call.form
    text, markdown = form.get("text", ""), form.get("markdown_text")
    blocks = checked_blocks(form)
    attachments = nested(form, "attachments", "invalid_attachments")
    if attachments and len(attachments) > 100:
        raise SlackError("too_many_attachments")
    if markdown and (text or blocks):
        raise SlackError("markdown_text_conflict")
    if markdown and len(markdown) > MARKDOWN_MAX:
        raise SlackError("msg_too_long")
    if not (text.strip() or markdown or blocks or attachments):
        raise SlackError("no_text")
    if most and len(text) > most:
        raise SlackError("msg_too_long")
    more = warned("message_truncated") if len(text) > TEXT_MAX else {}
    out = {"text": stored(call, text[:TEXT_MAX])}
    if markdown:
        out = {"text": from_markdown(markdown), "blocks": [rich(markdown)]}
    if blocks:
        out["blocks"] = [{"block_id": f"b{i}", **b} for i, b in enumerate(blocks)]
    if attachments:
        out["attachments"] = [{"id": i, **a} for i, a in enumerate(attachments, 1)]
    metadata = nested(form, "metadata", "invalid_metadata_format")
    if metadata:
        out["metadata"] = metadata
    return out, more


def checked_blocks(form):
    blocks = nested(form, "blocks", "invalid_blocks_format")
    if blocks is None:
        return None
    if not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    if len(blocks) > 50:
        raise bad_block("no more than 50 items allowed", "")
    for i, b in enumerate(blocks):
        if not isinstance(b, dict) or b.get("type") not in BLOCKS:
            raise bad_block("unsupported type", f"/{i}/type")
        text = b.get("text")
        if b["type"] == "section" and isinstance(text, dict) \
                and len(text.get("text", "")) > 3000:
            raise bad_block("must be less than 3001 characters", f"/{i}/text/text")
    return blocks


def bad_block(what, where):
    return SlackError("invalid_blocks", **said(
        f"[ERROR] {what} [json-pointer:/blocks{where}]"))


def stored(call, text):
    """The text as it is read later.  Slack escapes what is no control sequence,
    links bare URLs, and names emoji; only a world that rewrites does so."""
    if not call.world.rewrites:
        return text
    out = []
    for part in re.split(f"({CONTROL})", text):
        if not re.fullmatch(CONTROL, part):
            part = re.sub("&(?!(?:amp|lt|gt);)", "&amp;", part)
            part = part.replace("<", "&lt;").replace(">", "&gt;")
            if call.form.get("parse") != "none":
                part = re.sub(URL, lambda m: f"<{m.group()}>", part)
            for sign, name in EMOJI.items():
                part = part.replace(sign, f":{name}:")
        out.append(part)
    return "".join(out)


def from_markdown(text):
    """Near enough to what Slack makes of Markdown."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"\[([^]\n]*)\]\((https?://[^)\s]+)\)", r"<\2|\1>", text)
    text = re.sub(r"\*\*(.+?)\*\*", r"*\1*", text)
    return re.sub(r"(?m)^#+ (.+)$", r"*\1*", text)


def rich(text):
    return {"type": "rich_text", "block_id": "r1", "elements": [
        {"type": "rich_text_section",
         "elements": [{"type": "text", "text": text}]}]}


def unfurled(call, text):
    """The previews that Slack adds later, to what others read."""
    links = re.findall(r"<(https?://[^|>]+)|(?<![<|])(https?://[^\s<>|]+)", text)
    if not links or call.form.get("unfurl_links", "true") in ("false", "0"):
        return {}
    return {"attachments": [
        {"id": i, "from_url": u, "original_url": u, "service_name": "example",
         "title": "A page", "title_link": u, "fallback": "A page",
         "text": "what stands there"}
        for i, u in enumerate((a or b for a, b in links), 1)]}


def crowds(form):
    """The crowds that a post calls: channel, here, everyone, subteam^S….  Of
    Markdown this looks at what is meant, too: nobody knows in which order Slack
    reads entities and escaped signs."""
    found = set(CROWD.findall(form.get("text", "")))
    loose = form.get("markdown_text", "")
    loose += "\n" + html.unescape(ESCAPED.sub(r"\1", loose))
    if truth(form, "link_names") or form.get("parse") == "full":
        loose += "\n" + form.get("text", "")
    found |= set(AT_CROWD.findall(loose)) | set(CROWD.findall(loose))
    for name in ("blocks", "attachments"):
        for node in walk(nested(form, name, "invalid_blocks_format")):
            if isinstance(node, str):
                found |= set(CROWD.findall(node))
            elif isinstance(node, dict) and node.get("type") == "broadcast":
                found.add(node.get("range"))
            elif isinstance(node, dict) and node.get("type") == "usergroup":
                found.add(f"subteam^{node.get('usergroup_id')}")
    return sorted(x for x in found if x)


def walk(value):
    yield value
    for inner in value.values() if isinstance(value, dict) else \
            value if isinstance(value, list) else ():
        yield from walk(inner)
