/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "web/client.h"

#include "base/counter.h"
#include "base/log.h"
#include "run.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOR	"x-forwarded-for"
#define TRUSTED	"10.0.0.0/8", "2001:db8:1::/48"

static const struct {
	const char *peer;
	struct http_field fields[4];
	const char *client, *host;
	bool plain, ignored;
} rows[] = {
	/* from nobody that we know */
	{ "192.0.2.7", { { "host", "a" } }, "192.0.2.7", "a", false, false },
	{ "192.0.2.7", { { FOR, "198.51.100.1" }, { "host", "a" } }, "192.0.2.7", "a", false, true },
	{ "192.0.2.7", { { FOR, "198.51.100.1" }, { "x-forwarded-proto", "http" },
	  { "x-forwarded-host", "b" } }, "192.0.2.7", NULL, false, true },
	{ "192.0.2.7", { { FOR, "10.0.0.1" } }, "192.0.2.7", NULL, false, true },
	{ "unix", { { FOR, "10.0.0.1" } }, "unix", NULL, false, true },
	/* from a proxy */
	{ "10.0.0.1", { { "host", "a" } }, "10.0.0.1", "a", false, false },
	{ "10.0.0.1", { { FOR, "192.0.2.7" } }, "192.0.2.7", NULL, false, false },
	{ "10.0.0.1", { { FOR, "2001:DB8::7" } }, "2001:db8::7", NULL, false, false },
	{ "10.0.0.1", { { FOR, "::ffff:192.0.2.7" } }, "192.0.2.7", NULL, false, false },
	{ "10.0.0.1", { { FOR, "192.0.2.7:4711" } }, "192.0.2.7", NULL, false, false },
	{ "10.0.0.1", { { FOR, "[2001:db8::7]:4711" } }, "2001:db8::7", NULL, false, false },
	{ "10.0.0.1", { { FOR, "[2001:db8::7]" } }, "2001:db8::7", NULL, false, false },
	{ "2001:db8:1::5", { { FOR, " 192.0.2.7\t" } }, "192.0.2.7", NULL, false, false },
	/* the rightmost that is not trusted */
	{ "10.0.0.1", { { FOR, "198.51.100.1, 192.0.2.7" } }, "192.0.2.7", NULL, false, false },
	{ "10.0.0.1", { { FOR, "192.0.2.7,10.0.0.2 , 10.0.0.3" } }, "192.0.2.7", NULL, false, false },
	{ "10.0.0.1", { { FOR, "192.0.2.7" }, { "host", "a" }, { FOR, "10.0.0.2" } },
	  "192.0.2.7", "a", false, false },
	{ "10.0.0.1", { { FOR, "198.51.100.1" }, { FOR, "192.0.2.7" } }, "192.0.2.7", NULL, false, false },
	{ "10.0.0.1", { { FOR, "10.0.0.2, 10.0.0.3" } }, "10.0.0.2", NULL, false, false },
	/* what is no address ends the way */
	{ "10.0.0.1", { { FOR, "" } }, "10.0.0.1", NULL, false, false },
	{ "10.0.0.1", { { FOR, "," } }, "10.0.0.1", NULL, false, false },
	{ "10.0.0.1", { { FOR, "unknown" } }, "10.0.0.1", NULL, false, false },
	{ "10.0.0.1", { { FOR, "192.0.2.7, _x, 10.0.0.2" } }, "10.0.0.2", NULL, false, false },
	{ "10.0.0.1", { { FOR, "192.0.2.7,, 10.0.0.2" } }, "10.0.0.2", NULL, false, false },
	{ "10.0.0.1", { { FOR, "192.0.2.7\"" } }, "10.0.0.1", NULL, false, false },
	{ "10.0.0.1", { { FOR, "[2001:db8::7" } }, "10.0.0.1", NULL, false, false },
	{ "10.0.0.1", { { FOR, "[2001:db8::7]x" } }, "10.0.0.1", NULL, false, false },
	{ "10.0.0.1", { { FOR, "10.0.0.9999999999999999999999999999999999999999999999" } },
	  "10.0.0.1", NULL, false, false },
	/* protocol and host */
	{ "10.0.0.1", { { "x-forwarded-proto", "http" } }, "10.0.0.1", NULL, true, false },
	{ "10.0.0.1", { { "x-forwarded-proto", "HTTP" } }, "10.0.0.1", NULL, true, false },
	{ "10.0.0.1", { { "x-forwarded-proto", "https" } }, "10.0.0.1", NULL, false, false },
	{ "10.0.0.1", { { "x-forwarded-proto", "https, http" } }, "10.0.0.1", NULL, true, false },
	{ "10.0.0.1", { { "x-forwarded-proto", "http" }, { "x-forwarded-proto", "https" } },
	  "10.0.0.1", NULL, false, false },
	{ "10.0.0.1", { { "host", "a" }, { "x-forwarded-host", "b" } }, "10.0.0.1", "b", false, false },
	{ "10.0.0.1", { { "host", "a" }, { "x-forwarded-host", "b" }, { "x-forwarded-host", "c" } },
	  "10.0.0.1", "a", false, false },
};

static struct network networks[2];
static struct conf conf = { .proxies = { networks, 2 } };

static void
setup(void)
{
	static const char *const trusted[] = { TRUSTED };
	struct err err;

	log_quiet();
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(network_parse(&networks[i], trusted[i], strlen(trusted[i]),
		    &err), 0);
}

START_TEST(clients)
{
	struct http_field fields[4];
	struct http_req req = { .fields = fields };
	struct web w = { .conf = &conf };
	struct visit v = { .web = &w, .req = &req };
	uint64_t before = counter_get(CNT_FORWARDED_IGNORED);

	memcpy(fields, rows[_i].fields, sizeof(fields));
	while (req.nfields < 4 && fields[req.nfields].name != NULL)
		req.nfields++;
	snprintf(req.peer, sizeof(req.peer), "%s", rows[_i].peer);
	client_learn(&v);
	ck_assert_str_eq(v.client, rows[_i].client);
	ck_assert_int_eq(v.plain, rows[_i].plain);
	ck_assert_uint_eq(counter_get(CNT_FORWARDED_IGNORED), before + rows[_i].ignored);
	if (rows[_i].host == NULL)
		ck_assert_ptr_null(v.host);
	else
		ck_assert_str_eq(v.host, rows[_i].host);
}
END_TEST

/* A list without end is not followed. */
START_TEST(many_hops)
{
	static char list[64 * 16];
	struct http_field field = { FOR, list };
	struct http_req req = { .fields = &field, .nfields = 1 };
	struct web w = { .conf = &conf };
	struct visit v = { .web = &w, .req = &req };

	for (int i = 0; i < 64; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s10.0.1.%d",
		    i > 0 ? "," : "", i);
	snprintf(req.peer, sizeof(req.peer), "10.0.0.1");
	client_learn(&v);
	ck_assert_str_eq(v.client, "10.0.1.32");
}
END_TEST

int
main(void)
{
	TCase *c = tcase_create("all");

	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_loop_test(c, clients, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_test(c, many_hops);
	return run_case("client", c);
}
