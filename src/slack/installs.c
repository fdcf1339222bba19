/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/installs.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS	1000
#define BEARER		"Bearer "

struct slot {
	struct install *in;
	size_t seq;			/* of reading */
};

struct installs {
	struct slack *slack;
	struct slot *v;			/* by install_key; the one that counts first */
	size_t n, room;
	int64_t changed, at;		/* merged, read up to here */
	struct install **fresh;		/* of the refresh under way */
	size_t nfresh, fresh_room;
	struct unit *unit;
	struct event *timer;
	bool loaded, again;
	bool all;			/* the next refresh is to read all */
	bool anew;			/* the one under way reads all */
	void (*news)(void *arg);
	void *news_arg;
};

static void on_rows(void *arg, const struct install_row *rows, size_t n,
    const struct err *err);

const char *
install_key(const struct install *in)
{
	return in->team_id[0] != '\0' ? in->team_id : in->enterprise_id;
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
	in->expires = row->expires;
	in->made = row->made;
	in->updated = row->updated;
	open_token(keys, row, in);
	return in;
}

static bool
same_row(const struct install *a, const struct install *b)
{
	return strcmp(a->team_id, b->team_id) == 0 &&
	    strcmp(a->enterprise_id, b->enterprise_id) == 0;
}

/* The same row twice: the later reading first. */
static int
by_row(const void *x, const void *y)
{
	const struct slot *a = x, *b = y;
	int c = strcmp(a->in->team_id, b->in->team_id);

	if (c == 0)
		c = strcmp(a->in->enterprise_id, b->in->enterprise_id);
	if (c != 0)
		return c;
	return a->seq > b->seq ? -1 : a->seq < b->seq;
}

/* A workspace that moved into an org may have two rows: the live, newer one is
 * the one to use. */
static int
by_key(const void *x, const void *y)
{
	const struct install *a = ((const struct slot *)x)->in;
	const struct install *b = ((const struct slot *)y)->in;
	int c = strcmp(install_key(a), install_key(b));

	if (c != 0)
		return c;
	if ((a->state == INSTALL_LIVE) != (b->state == INSTALL_LIVE))
		return a->state == INSTALL_LIVE ? -1 : 1;
	return a->updated > b->updated ? -1 : a->updated < b->updated;
}

static void
add(struct installs *i, struct install *in)
{
	if (i->n == i->room) {
		i->room = i->room == 0 ? 16 : i->room * 2;
		i->v = mem_array(i->v, i->room, sizeof(*i->v));
	}
	i->v[i->n] = (struct slot){ in, i->n };
	i->n++;
}

static void
forget(struct installs *i)
{
	for (size_t k = 0; k < i->n; k++)
		install_drop(i->v[k].in);
	i->n = 0;
}

static void
merge(struct installs *i)
{
	bool news = i->nfresh > 0;
	size_t kept = 0;

	if (i->anew)
		forget(i);
	for (size_t k = 0; k < i->n; k++)
		i->v[k].seq = k;
	for (size_t k = 0; k < i->nfresh; k++)
		add(i, i->fresh[k]);
	if (i->nfresh > 0) {
		qsort(i->v, i->n, sizeof(*i->v), by_row);
		for (size_t k = 0; k < i->n; k++)
			if (kept > 0 && same_row(i->v[kept - 1].in, i->v[k].in))
				install_drop(i->v[k].in);
			else
				i->v[kept++] = i->v[k];
		i->n = kept;
		qsort(i->v, i->n, sizeof(*i->v), by_key);
	}
	i->nfresh = 0;
	i->changed = i->at;
	i->loaded = true;
	if (news && i->news != NULL)
		i->news(i->news_arg);
}

static void
forget_fresh(struct installs *i)
{
	for (size_t k = 0; k < i->nfresh; k++)
		install_drop(i->fresh[k]);
	i->nfresh = 0;
}

static void
begin(struct installs *i)
{
	i->again = false;
	i->anew = i->all;
	i->all = false;
	i->at = i->anew ? 0 : i->changed;
	i->unit = installs_since(i->slack->store, i->at, on_rows, i);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	installs_refresh(arg, false);
}

static void
on_rows(void *arg, const struct install_row *rows, size_t n,
    const struct err *err)
{
	struct installs *i = arg;
	struct timeval tv = clock_tv(RETRY_MS);

	i->unit = NULL;
	if (err != NULL) {
		log_debug("installs", "installs could not be read: %s",
		    err->text);
		forget_fresh(i);
		i->all |= i->anew;
		evtimer_add(i->timer, &tv);
		return;
	}
	if (n == 0) {
		merge(i);
		if (i->again)
			begin(i);
		return;
	}
	if (i->nfresh + n > i->fresh_room) {
		i->fresh_room = i->nfresh + n;
		i->fresh = mem_array(i->fresh, i->fresh_room,
		    sizeof(struct install *));
	}
	for (size_t k = 0; k < n; k++)
		i->fresh[i->nfresh++] = install_from_row(i->slack->keys,
		    &rows[k]);
	i->at = rows[n - 1].changed;
	i->unit = installs_since(i->slack->store, i->at, on_rows, i);
}

struct installs *
installs_new(struct slack *slack)
{
	struct installs *i = mem_new(sizeof(*i));

	i->slack = slack;
	i->timer = evtimer_new(slack->base, on_timer, i);
	if (i->timer == NULL)
		fatal("no timer for the installs");
	return i;
}

void
installs_free(struct installs *i)
{
	if (i == NULL)
		return;
	if (i->unit != NULL)
		store_cancel(i->unit);
	event_free(i->timer);
	forget_fresh(i);
	free(i->fresh);
	forget(i);
	free(i->v);
	free(i);
}

void
installs_refresh(struct installs *i, bool all)
{
	i->all |= all;
	if (i->unit != NULL)
		i->again = true;
	else
		begin(i);
}

void
installs_on_news(struct installs *i, void (*fn)(void *arg), void *arg)
{
	i->news = fn;
	i->news_arg = arg;
}

bool
installs_loaded(const struct installs *i)
{
	return i->loaded;
}

struct install *
installs_find(struct installs *i, const char *team_id)
{
	size_t low = 0, high = i->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(install_key(i->v[mid].in), team_id) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < i->n && strcmp(install_key(i->v[low].in), team_id) == 0)
		return i->v[low].in;
	return NULL;
}

void
installs_each(struct installs *i, bool (*fn)(void *arg, struct install *in),
    void *arg)
{
	const char *before = "";

	for (size_t k = 0; k < i->n; k++) {
		const char *key = install_key(i->v[k].in);

		if (strcmp(key, before) != 0 && !fn(arg, i->v[k].in))
			return;
		before = key;
	}
}
