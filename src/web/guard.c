/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "web/guard.h"

#include "base/clock.h"
#include "base/counter.h"
#include "shm/bucket.h"
#include "web/accept.h"

#include <stdio.h>
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
	}
	if (!maybe || (last && principals_loaded(all)))
		return refuse(v, true);
	/* Nobody can say that it is wrong: the keys could not be read yet, or too
	 * many wait for that. */
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
