/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "web/guard.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/trouble.h"
#include "shm/bucket.h"
#include "web/accept.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CHALLENGE	"Bearer realm=\"" PACKAGE_NAME "\""

/* One bucket; false: answered with 429. */
static bool
take(struct visit *v, const char *name, struct rate rate)
{
	int64_t at;

	if (rate.per_minute == 0 ||
	    bucket_take(v->web->region, name, rate, 0, &at))
		return true;
	counter_up(CNT_RATE_REFUSED);
	if (trouble_met(TROUBLE_RATES))
		log_warn("web", "a rate is reached, requests are refused key=%s"
		    " peer=%s", v->policy != NULL ? v->policy->name : "-",
		    v->client);
	visit_later(v, HTTP_ERROR_RATE, at - clock_ms());
	return false;
}

bool
guard_key_rate(struct visit *v)
{
	char name[POLICY_BUCKET_SIZE];
	struct rate rate = policy_rate(v->policy, v->web->conf, name);

	return take(v, name, rate);
}

bool
guard_address_rate(struct visit *v)
{
	char name[sizeof(v->client) + 8];

	snprintf(name, sizeof(name), "addr:%s", v->client);
	return take(v, name, v->web->conf->rate_address);
}

/* What stands behind "Bearer", or NULL. */
static const char *
bearer(const struct http_req *req)
{
	const char *value = http_field(req, "authorization");

	if (http_field_count(req, "authorization") != 1 ||
	    strncasecmp(value, "Bearer ", 7) != 0)
		return NULL;
	value += 7;
	value += strspn(value, " ");
	return value[0] != '\0' ? value : NULL;
}

static enum guard_key
refuse(struct visit *v, bool sent)
{
	counter_up(CNT_KEY_REFUSED);
	if (!guard_address_rate(v))
		return KEY_REFUSED;
	http_add(v->req, "WWW-Authenticate",
	    sent ? CHALLENGE ", error=\"invalid_token\"" : CHALLENGE);
	visit_refuse(v, HTTP_ERROR_UNAUTHORIZED, NULL);
	return KEY_REFUSED;
}

enum guard_key
guard_key(struct visit *v, principals_fn *again, bool last)
{
	struct principals *all = v->web->principals;
	const char *key = bearer(v->req);
	struct policy *p;
	bool maybe;

	if (key == NULL)
		return refuse(v, http_field(v->req, "authorization") != NULL);
	p = principals_find(all, key, strlen(key), &maybe);
	if (p != NULL) {
		v->policy = policy_hold(p);
		return KEY_GOOD;
	}
	if (maybe && !last) {
		v->wait = principals_ask(all, again, v);
		if (v->wait != NULL)
			return KEY_WAIT;
		counter_up(CNT_KEY_WAITS_LIMIT);
		if (trouble_met(TROUBLE_KEY_WAITS))
			log_warn("web", "too many requests wait for the keys to"
			    " be read, more are refused");
	}
	if (!maybe || (last && principals_current(all)))
		return refuse(v, true);
	/* Nobody can say that it is wrong: the keys could not be read, or too many wait
	 * for that. */
	if (guard_address_rate(v))
		visit_later(v, HTTP_ERROR_UNAVAILABLE, 1000);
	return KEY_REFUSED;
}

bool
guard_json(struct visit *v)
{
	const char *type = http_field(v->req, "content-type");
	int json, sse;

	if (type == NULL || http_field_count(v->req, "content-type") != 1 ||
	    !accept_is(type, "application", "json")) {
		visit_refuse(v, HTTP_ERROR_MEDIA_TYPE, NULL);
		return false;
	}
	json = accept_weight(v->req, "application", "json");
	sse = accept_weight(v->req, "text", "event-stream");
	if (json == 0 && sse == 0) {
		visit_refuse(v, HTTP_ERROR_NOT_ACCEPTABLE, NULL);
		return false;
	}
	v->sse = json == 0;
	return true;
}

static int64_t
longest_body(const struct visit *v)
{
	const char *length = http_field(v->req, "content-length");
	int64_t n = length != NULL ? strtoll(length, NULL, 10) : 0;
	int64_t most = v->web->conf->max_body;
	bool chunked = http_field(v->req, "transfer-encoding") != NULL;

	return chunked || n > most ? most : n;
}

bool
guard_body(struct visit *v)
{
	const struct conf *c = v->web->conf;
	int64_t share = c->max_body_per_key / c->workers;
	int64_t n = v->body_here ? (int64_t)v->req->body_len : longest_body(v);

	if (share < c->max_body)
		share = c->max_body;
	if (n > 0 && v->policy->body_bytes + n > share) {
		counter_up(CNT_BODY_LIMIT);
		if (trouble_met(TROUBLE_KEY_LIMITS))
			log_warn("web", "a key is at its share of"
			    " MAX_BODY_PER_KEY, its requests get 429 key=%s",
			    v->policy->name);
		http_add(v->req, "Retry-After", "1");
		visit_refuse(v, HTTP_ERROR_RATE,
		    "Too many bytes of this key's requests are under way; wait "
		    "for some of them to end.");
		return false;
	}
	guard_body_is(v, (size_t)n);
	return true;
}

void
guard_body_is(struct visit *v, size_t bytes)
{
	if (v->policy == NULL)
		return;
	v->policy->body_bytes += (int64_t)bytes - v->body_held;
	v->body_held = (int64_t)bytes;
}
