/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/install.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>

#define BEARER		"Bearer "

const char *
install_key(const struct install *in)
{
	return in->team_id[0] != '\0' ? in->team_id : in->enterprise_id;
}

const char *
install_place(const struct install *in)
{
	return in->org != NULL ? in->place : install_key(in);
}

bool
install_is_over(const struct install *in)
{
	return in->expires != 0 && clock_wall_ms() >= in->expires;
}

unsigned
install_hash(const struct install *in)
{
	unsigned hash = 5381;

	for (const char *p = install_key(in); *p != '\0'; p++)
		hash = hash * 33 + (unsigned char)*p;
	return hash;
}

const struct install *
install_row_of(const struct install *in)
{
	return in->org != NULL ? in->org : in;
}

struct install *
install_hold(struct install *in)
{
	in->refs++;
	return in;
}

void
install_drop(struct install *in)
{
	if (in == NULL || --in->refs > 0)
		return;
	secret_wipe(&in->bot_token);
	free(in->enterprise_id);
	free(in->team_id);
	free(in->app_id);
	free(in->name);
	free(in->url);
	free(in->domain);
	free(in->scopes);
	free(in->bot_user_id);
	free(in->bot_id);
	free(in->installer);
	free(in->place);
	install_drop(in->org);
	free(in->dead);
	free(in);
}

/* "https://acme.slack.com/" is "acme", also "https://acme.enterprise.slack.com/". */
static char *
domain_of(const char *url)
{
	const char *host = strstr(url, "://");

	if (host == NULL)
		return mem_str("");
	host += 3;
	return mem_strn(host, strcspn(host, "./:?#"));
}

/* The token as the header wants it, or unreadable. */
static void
open_token(const struct keyring *keys, const struct install_row *row,
    struct install *in)
{
	char identity[INSTALL_IDENTITY_SIZE];
	struct buf text = { 0 };
	struct err err;

	if (row->bot_token_len == 0)
		return;
	install_identity(identity, row->enterprise_id, row->team_id);
	buf_str(&text, BEARER);
	if (keyring_open(keys, row->key_id, identity, row->bot_token,
		row->bot_token_len, &text, &err) == 0 &&
	    strlen(text.p) == text.len) {
		secret_set(&in->bot_token, text.p);
	} else {
		in->unreadable = true;
		log_error("installs",
		    "a token cannot be opened: is its key in TOKEN_KEYS?"
		    " team=%s key_id=%s",
		    install_key(in), row->key_id);
	}
	buf_wipe(&text);
}

struct install *
install_from_row(const struct keyring *keys, const struct install_row *row)
{
	struct install *in = mem_new(sizeof(*in));

	in->refs = 1;
	in->enterprise_id = mem_str(row->enterprise_id);
	in->team_id = mem_str(row->team_id);
	in->app_id = mem_str(row->app_id);
	in->name = mem_str(row->team_name);
	in->url = mem_str(row->team_url);
	in->domain = domain_of(row->team_url);
	in->scopes = list_tidy(row->scopes);
	in->bot_user_id = mem_str(row->bot_user_id);
	in->bot_id = mem_str(row->bot_id);
	in->installer = mem_str(row->installer);
	in->state = row->state;
	in->rotates = row->refresh_token_len > 0;
	in->lost = row->lost;
	in->dead = mem_str(row->dead != NULL ? row->dead : "");
	in->dead_since = row->dead_since;
	in->expires = row->expires;
	in->made = row->made;
	in->updated = row->updated;
	open_token(keys, row, in);
	return in;
}

struct install *
install_of_org(struct install *org, const char *team_id, const char *name)
{
	struct install *in = mem_new(sizeof(*in));
	struct buf place = { 0 };

	*in = *org;		/* state, times, what there is to tell of the token */
	in->refs = 1;
	in->org = install_hold(org);
	in->enterprise_id = mem_str(org->enterprise_id);
	in->team_id = mem_str(team_id);
	in->app_id = mem_str(org->app_id);
	in->name = mem_str(name);
	in->url = mem_str(org->url);
	in->domain = mem_str("");
	in->scopes = mem_str(org->scopes);
	in->bot_user_id = mem_str(org->bot_user_id);
	in->bot_id = mem_str(org->bot_id);
	in->installer = mem_str(org->installer);
	in->dead = mem_str(org->dead);
	in->bot_token = (struct secret){ 0 };
	secret_copy(&in->bot_token, &org->bot_token);
	buf_fmt(&place, "%s/%s", in->enterprise_id, in->team_id);
	in->place = mem_str(place.p);
	buf_wipe(&place);
	return in;
}

bool
install_same_token(const struct install *a, const struct install *b)
{
	return a->bot_token.len == b->bot_token.len &&
	    crypto_equal(secret_expose(&a->bot_token),
		secret_expose(&b->bot_token), a->bot_token.len);
}

void
install_token_hash(const struct install *in, unsigned char out[32])
{
	size_t skip = strlen(BEARER);

	crypto_sha256(secret_expose(&in->bot_token) + skip,
	    in->bot_token.len - skip, out);
}
