/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "fuzz.h"

#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "slack/oauth_state.h"
#include "tools/work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sealed texts that come back from outside: the state of an install, a cursor, and
 * the keys that seal them.  No fuzzer guesses a seal, so what stands inside one is
 * sealed here, as its file does it.
 * covers: slack/oauth_state.c tools/cursor.c base/keyring.c */

#define NOW	INT64_C(1700000000000)
#define COOKIE	"a cookie"
#define LONGEST	3000		/* of a cursor, as take.c lets it in */

static struct keyring *keys;

/* "cookie\nstate" as a browser may send it. */
static void
state_text(const char *p, size_t len)
{
	char *cookie = mem_strn(p, len), *state = strchr(cookie, '\n');
	char nonce[OAUTH_NONCE_SIZE];
	int64_t until;

	if (state != NULL) {
		*state++ = '\0';
		if (oauth_state_open(keys, cookie, state, NOW, nonce, &until) == 0) {
			MUST(until > NOW && strlen(nonce) == OAUTH_NONCE_SIZE - 1);
			MUST(oauth_state_open(keys, COOKIE "?", state, NOW, nonce,
			    &until) == -1);
		}
	}
	free(cookie);
}

static void
state_inside(const char *p, size_t len)
{
	unsigned char hash[SHA256_SIZE];
	char hex[SHA256_SIZE * 2 + 1], nonce[OAUTH_NONCE_SIZE];
	struct buf state = { 0 }, aad = { 0 };
	uint64_t end = 0;
	int64_t until;
	int rc;

	crypto_sha256(COOKIE, strlen(COOKIE), hash);
	crypto_hex(hex, hash, sizeof(hash));
	buf_fmt(&aad, "oauth:%s", hex);
	keyring_wrap(keys, aad.p, p, len, &state);
	rc = oauth_state_open(keys, COOKIE, state.p, NOW, nonce, &until);
	for (size_t i = 16; len == 24 && i < 24; i++)
		end = end << 8 | (unsigned char)p[i];
	MUST((rc == 0) == (len == 24 && (int64_t)end > NOW));
	MUST(oauth_state_open(keys, COOKIE "?", state.p, NOW, nonce, &until) == -1);
	buf_wipe(&state);
	buf_wipe(&aad);
}

/* The first 8 bytes are when it ends, the rest is the cookie. */
static void
state_round(const char *p, size_t len)
{
	char *cookie = mem_strn(p + (len < 8 ? len : 8), len < 8 ? 0 : len - 8);
	struct buf state = { 0 };
	char nonce[OAUTH_NONCE_SIZE];
	uint64_t end = 0;
	int64_t until;
	int rc;

	for (size_t i = 0; i < 8 && i < len; i++)
		end = end << 8 | (unsigned char)p[i];
	oauth_state_seal(keys, cookie, (int64_t)end, &state);
	rc = oauth_state_open(keys, cookie, state.p, NOW, nonce, &until);
	if (cookie[0] == '\0' || (int64_t)end <= NOW)
		MUST(rc == -1);
	else
		MUST(rc == 0 ? until == (int64_t)end : strlen(cookie) > 256);
	buf_wipe(&state);
	free(cookie);
}

/* A call just as far as a cursor looks at it. */
static struct call *
call_new(void)
{
	static char team[] = "T1", none[] = "";
	static struct install install = { .team_id = team, .enterprise_id = none };
	static struct policy policy = { .principal = "k_one" };
	static struct slack slack;
	static struct toolbox box = { .slack = &slack };
	struct call *call = mem_new(sizeof(*call));

	slack.keys = keys;
	call->box = &box;
	call->policy = &policy;
	call->install = &install;
	call->tool = tool_find("slack_list_channels", 19);
	call->args = json_object_new_object();
	return call;
}

static void
call_drop(struct call *call)
{
	json_object_put(call->args);
	free(call->cursor);
	free(call);
}

static int
take(struct call *call, const char *cursor)
{
	struct buf refused = { 0 };
	int rc;

	json_object_object_add(call->args, "cursor", json_object_new_string(cursor));
	rc = cursor_take(call, &refused);
	MUST((rc == -1) == (refused.len > 0));
	buf_wipe(&refused);
	return rc;
}

static void
cursor_text(const char *p, size_t len)
{
	struct call *call = call_new();
	char *text = mem_strn(p, len);

	if (text[0] != '\0')
		take(call, text);
	else
		MUST(take(call, text) == 0 && call->cursor == NULL);
	free(text);
	call_drop(call);
}

static void
cursor_inside(const char *p, size_t len)
{
	struct call *call = call_new();
	unsigned char digest[SHA256_SIZE];
	char hex[SHA256_SIZE * 2 + 1];
	struct buf aad = { 0 }, cursor = { 0 };

	call_digest(call, digest);
	crypto_hex(hex, digest, sizeof(digest));
	buf_fmt(&aad, "cursor|k_one|slack_list_channels|T1|%s", hex);
	keyring_wrap(keys, aad.p, p, len, &cursor);
	if (take(call, cursor.p) == 0)
		MUST(call->cursor != NULL && strlen(call->cursor) < len);
	else		/* until the year 2286, so the binding is still cursor.c's */
		MUST(len < 23 || memcmp(p, "9999999999999 0 0 0 - ", 22) != 0);
	buf_wipe(&cursor);
	buf_wipe(&aad);
	call_drop(call);
}

/* What is given out comes back as it was. */
static void
cursor_round(const char *p, size_t len)
{
	struct call *call = call_new();
	size_t skip = len > 0 ? (unsigned char)p[0] : 0;
	const char *latest = skip % 2 == 0 ? "" : "1700000000.000100";
	char *slacks = mem_strn(p, len < LONGEST ? len : LONGEST);
	struct buf sealed = { 0 };

	if (cursor_seal(call, slacks, skip, latest, &sealed) == NULL) {
		MUST(take(call, sealed.p) == 0);
		MUST(call->skip == skip && strcmp(call->cursor, slacks) == 0);
		MUST(strcmp(call->latest, latest) == 0);
		buf_reset(&sealed);
		MUST((cursor_seal(call, slacks, 0, latest, &sealed) == NULL) ==
		    (slacks[0] == '\0'));
	}
	MUST(sealed.len == 0 || slacks[0] == '\0');
	buf_wipe(&sealed);
	free(slacks);
	call_drop(call);
}

static void
token_keys(const char *p, size_t len)
{
	char *text = mem_strn(p, len);
	struct buf sealed = { 0 }, out = { 0 };
	struct keyring *k;
	struct err err;

	if ((k = keyring_parse(text, &err)) == NULL) {
		MUST(err.kind == ERR_INPUT && err.text[0] != '\0');
	} else {
		const char *id = keyring_first(k);

		MUST(keyring_has(k, id) && keyring_lacks(k, k) == NULL);
		keyring_seal(k, "row", p, len, &sealed);
		MUST(keyring_open(k, id, "row", sealed.p, sealed.len, &out, &err) == 0);
		MUST(out.len == len && memcmp(out.p, p, len) == 0);
		MUST(keyring_open(k, id, "raw", sealed.p, sealed.len, &out, &err) == -1);
		MUST(keyring_open(k, "not one", "row", sealed.p, sealed.len, &out,
		    &err) == -1);
	}
	keyring_free(k);
	buf_wipe(&sealed);
	buf_wipe(&out);
	free(text);
}

/* The bytes behind a text's base64url. */
static void
wrapped(const char *p, size_t len)
{
	char *text = mem_new(B64URL_SIZE(len));
	struct buf out = { 0 };

	crypto_b64url(text, p, len);
	MUST(keyring_unwrap(keys, "row", text, strlen(text), &out) == -1);
	MUST(out.len == 0);
	buf_wipe(&out);
	free(text);
}

static const struct {
	char letter;
	void (*run)(const char *p, size_t len);
} kinds[] = {
	{ 's', state_text }, { 'S', state_inside }, { 'o', state_round },
	{ 'c', cursor_text }, { 'C', cursor_inside }, { 'r', cursor_round },
	{ 'k', token_keys }, { 'w', wrapped },
};

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct err err;

	log_quiet();
	if (keys == NULL)
		keys = keyring_parse(
		    "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", &err);
	for (size_t i = 0; len > 0 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].letter == (char)bytes[0])
			kinds[i].run((const char *)bytes + 1, len - 1);
	return 0;
}
