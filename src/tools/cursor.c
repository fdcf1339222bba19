/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/work.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/js.h"
#include "base/mem.h"
#include "slack/id.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CURSOR_MS	3600000		/* Slack's own do not live for hours */
#define SLACKS_MAX	2000
#define AAD_SIZE	256

/* A cursor is a name, not a right: it opens only for the same principal, tool,
 * workspace and arguments. */
static void
aad_of(const struct call *call, char out[AAD_SIZE])
{
	unsigned char digest[SHA256_SIZE];
	char hex[SHA256_SIZE * 2 + 1];

	call_digest(call, digest);
	crypto_hex(hex, digest, sizeof(digest));
	snprintf(out, AAD_SIZE, "cursor|%s|%s|%s|%s", call->policy->principal,
	    call->tool->name,
	    call->install != NULL ? install_key(call->install) : "", hex);
}

const char *
cursor_at(const struct call *call)
{
	return call->cursor != NULL ? call->cursor : "";
}

/* The row's limit must come back with a page that was shown in part. */
const char *
cursor_seal(const struct call *call, const char *cursor, size_t skip,
    const char *latest, struct buf *out)
{
	char aad[AAD_SIZE];
	struct buf plain = { 0 };

	if (skip == 0 && cursor[0] != '\0' &&
	    strcmp(cursor, cursor_at(call)) == 0) {
		log_warn("tools", "a cursor of Slack's leads to itself");
		return "Slack gave the same cursor once more: this is as far as"
		    " it leads.\n";
	}
	if (strlen(cursor) > SLACKS_MAX) {
		log_warn("tools", "a cursor of Slack's is too long bytes=%zu",
		    strlen(cursor));
		return "There is more, but Slack's cursor to it cannot be used:"
		    " narrow the call.\n";
	}
	aad_of(call, aad);
	buf_fmt(&plain, "%" PRId64 " %" PRId64 " %zu %ld %s %s",
	    clock_wall_ms() + CURSOR_MS, call->now, skip,
	    skip > 0 ? call_number(call, ARG_LIMIT) : 0,
	    latest[0] != '\0' ? latest : "-", cursor);
	keyring_wrap(call->box->slack->keys, aad, plain.p, plain.len, out);
	buf_wipe(&plain);
	return NULL;
}

const char *
cursor_next(const struct call *call, const struct js *answer, size_t end,
    const struct js *last, struct buf *out)
{
	const struct tool_list *l = call->tool->list;
	const char *next = js_text(js_get(answer, "response_metadata",
	    JS_OBJECT), "next_cursor");
	const char *ts = js_text(last, "ts");

	if (end < js_count(answer, l->rows))
		return l->by_time && slack_is_ts(ts) ?
		    cursor_seal(call, "", 0, ts, out) :
		    cursor_seal(call, cursor_at(call), end, call->latest, out);
	if (next[0] != '\0')
		return cursor_seal(call, next, 0, call->latest, out);
	return NULL;
}

void
cursor_tell(const struct call *call, const struct js *answer, size_t end,
    const struct js *last, struct buf *out)
{
	struct buf sealed = { 0 };
	const char *why_not = cursor_next(call, answer, end, last, &sealed);

	if (why_not != NULL)
		buf_str(out, why_not);
	else if (sealed.len > 0)
		buf_fmt(out, "There is more: call again with the same arguments"
		    " and cursor=%s\n", sealed.p);
	buf_wipe(&sealed);
}

static int
parse_latest(struct call *call, char *p, char **end)
{
	size_t n = strcspn(p, " ");

	*end = p + n;
	if (**end != ' ' || n >= sizeof(call->latest))
		return -1;
	if (n == 1 && *p == '-')
		return 0;
	memcpy(call->latest, p, n);
	return slack_is_ts(call->latest) ? 0 : -1;
}

static int
parse(struct call *call, const char *p)
{
	char *end;
	int64_t until = strtoll(p, &end, 10);

	if (*end != ' ' || until < clock_wall_ms())
		return -1;
	call->now = strtoll(end + 1, &end, 10);
	if (*end != ' ')
		return -1;
	call->skip = strtoul(end + 1, &end, 10);
	if (*end != ' ')
		return -1;
	call->limit = strtol(end + 1, &end, 10);
	if (*end != ' ' || parse_latest(call, end + 1, &end) == -1)
		return -1;
	call->cursor = mem_str(end + 1);
	return 0;
}

int
cursor_take(struct call *call, struct buf *refused)
{
	char aad[AAD_SIZE];
	struct buf plain = { 0 };
	const char *given = call_of(call, ARG_CURSOR);
	int rc;

	if (given[0] == '\0')
		return 0;
	aad_of(call, aad);
	rc = keyring_unwrap(call->box->slack->keys, aad, given, strlen(given),
	    &plain);
	if (rc == 0)
		rc = parse(call, plain.p);
	buf_wipe(&plain);
	if (rc == -1)
		buf_str(refused,
		    "This cursor is too old or belongs to another call. Repeat"
		    " the other arguments as they were, or start again without "
		    "a cursor.");
	return rc;
}
