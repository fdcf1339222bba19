/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/events.h"

#include "base/clock.h"
#include "run.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Who signed it?  The wall clock is the test's. */
static int64_t wall;			/* s; 0: the true one */

int
clock_gettime(clockid_t id, struct timespec *t)
{
	if (id == CLOCK_REALTIME && wall != 0) {
		*t = (struct timespec){ .tv_sec = (time_t)wall };
		return 0;
	}
	return (int)syscall(SYS_clock_gettime, id, t);
}

/* The one of Slack's documentation, and one with bytes that any decoding would touch;
 * both computed by another program too. */
static const struct vector {
	const char *secret, *stamp, *body, *signature;
	int64_t at;
} vectors[] = {
	{ "8f742231b10e8888abcd99yyyzzz85a5", "1531420618",
    "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&cha"
    "nnel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
    "&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
    "%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id"
    "=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
	  "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503", 1531420618 },
	{ "a secret of our own 0123456789ab", "1700000000",
	  "{\"text\":\"\xc3\xbc\\u00e4 \\/ \r\n\t\",\"n\":1e3}\n",
	  "v0=24617e80885c4c9482eaa7be7a84d491eb9f7b4db28de5e84978499c12d05a18", 1700000000 },
};

static struct conf conf;

static void
setup(void)
{
	wall = 0;
}

static void
teardown(void)
{
	secret_wipe(&conf.slack_signing_secret);
	wall = 0;
}

static bool
is_signed(const struct vector *v, const char *stamp, const char *signature,
    const char *body, size_t len)
{
	secret_wipe(&conf.slack_signing_secret);
	secret_set(&conf.slack_signing_secret, v->secret);
	return events_signed(&conf, stamp, signature, body, len);
}

START_TEST(good)
{
	const struct vector *v = &vectors[_i];

	for (wall = v->at - 300; wall <= v->at + 300; wall += 150)
		ck_assert(is_signed(v, v->stamp, v->signature, v->body,
		    strlen(v->body)));
}
END_TEST

/* A replay, and one from a clock that is ahead. */
START_TEST(other_times)
{
	const struct vector *v = &vectors[_i];
	static const int64_t off[] = { -86400, -301, 301, 86400, 2000000000 };

	for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
		wall = v->at + off[i];
		ck_assert(!is_signed(v, v->stamp, v->signature, v->body,
		    strlen(v->body)));
	}
}
END_TEST

/* One byte of anything else, and it is somebody else's. */
START_TEST(changed)
{
	const struct vector *v = &vectors[_i];
	size_t len = strlen(v->body), n = strlen(v->signature);
	char *body = strdup(v->body), *signature = strdup(v->signature);
	struct vector other = *v;

	ck_assert_ptr_nonnull(body);
	ck_assert_ptr_nonnull(signature);
	wall = v->at;
	for (size_t i = 0; i < len; i++) {
		body[i] ^= 1;
		ck_assert(!is_signed(v, v->stamp, v->signature, body, len));
		body[i] ^= 1;
	}
	ck_assert(!is_signed(v, v->stamp, v->signature, body, len - 1));
	for (size_t i = 0; i < n; i++) {
		signature[i] ^= 1;
		ck_assert(!is_signed(v, v->stamp, signature, body, len));
		signature[i] ^= 1;
	}
	other.secret = "8f742231b10e8888abcd99yyyzzz85a6";
	ck_assert(!is_signed(&other, v->stamp, v->signature, body, len));
	ck_assert(is_signed(v, v->stamp, v->signature, body, len));
	free(body);
	free(signature);
}
END_TEST

static const struct {
	const char *stamp, *signature;	/* NULL: none was sent */
} junk[] = {
	{ NULL, NULL }, { NULL, "v0=" }, { "1700000000", NULL }, { "", "" },
	{ "1700000000", "" }, { "1700000000", "v0=" }, { "1700000000", "v0" },
	{ "1700000000", "0" }, { " 1700000000", "v0=" }, { "1700000000 ", "v0=" },
	{ "+1700000000", "v0=" }, { "-1700000000", "v0=" }, { "1700000000.0", "v0=" },
	{ "17e8", "v0=" }, { "0x6553F100", "v0=" },
	{ "99999999999999999999999999", "v0=" }, { "\xd9\xa1", "v0=" },
};

START_TEST(nonsense)
{
	const struct vector *v = &vectors[1];

	wall = v->at;
	ck_assert(!is_signed(v, junk[_i].stamp, junk[_i].signature, v->body,
	    strlen(v->body)));
	/* with the right signature, too */
	if (junk[_i].stamp == NULL || strcmp(junk[_i].stamp, v->stamp) != 0)
		ck_assert(!is_signed(v, junk[_i].stamp, v->signature, v->body,
		    strlen(v->body)));
}
END_TEST

/* Without a secret nothing is signed, not even by the empty one. */
START_TEST(no_secret)
{
	const struct vector *v = &vectors[1];

	wall = v->at;
	ck_assert(!events_signed(&conf, v->stamp, v->signature, v->body,
	    strlen(v->body)));
}
END_TEST

#define N(a)	((int)(sizeof(a) / sizeof((a)[0])))

int
main(void)
{
	TCase *t = tcase_create("signature");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, good, 0, N(vectors));
	tcase_add_loop_test(t, other_times, 0, N(vectors));
	tcase_add_loop_test(t, changed, 0, N(vectors));
	tcase_add_loop_test(t, nonsense, 0, N(junk));
	tcase_add_test(t, no_secret);
	return run_case("events", t);
}
