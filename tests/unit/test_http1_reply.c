/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "http1_peer.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(guards_run_before_the_body)
{
	struct client c;

	client_open(&c);
	client_say(&c, "POST /deny HTTP/1.1\r\n" H "Content-Length: 9\r\n\r\n");
	wait_answers(&c, 1);
	ck_assert_ptr_nonnull(strstr(c.in.p, "401 Unauthorized"));
	ck_assert_ptr_nonnull(strstr(c.in.p, "WWW-Authenticate: Bearer\r\n"));
	ck_assert_int_eq(peer.heads, 1);
	ck_assert_int_eq(peer.requests, 0);
	ck_assert_int_eq(peer.done, 1);
	ck_assert_int_eq(peer.gone, 0);
	client_say(&c, "123456789" GET "\r\n");
	wait_answers(&c, 2);
	ck_assert_int_eq(peer.requests, 1);
	client_close(&c);
}
END_TEST

START_TEST(continue_only_when_let_pass)
{
	static const char head[] = POST "Expect: 100-Continue\r\nContent-Length: 3\r\n\r\n";
	struct client c;

	client_open(&c);
	client_say(&c, head);
	client_read(&c);
	ck_assert_str_eq(c.in.p, "HTTP/1.1 100 Continue\r\n\r\n");
	buf_reset(&c.in);
	client_say(&c, "abc");
	wait_answers(&c, 1);
	ck_assert_ptr_nonnull(strstr(c.in.p, "<POST|/p||1|abc>"));
	client_close(&c);
}
END_TEST

START_TEST(head_has_length_but_no_body)
{
	struct client c;
	char got[64];
	const char *body = NULL;

	client_open(&c);
	client_say(&c, "HEAD /x HTTP/1.1\r\n" H "\r\n");
	client_say(&c, "HEAD /x HTTP/1.1\r\n" H "\r\n");
	client_read(&c);
	ck_assert_int_eq(answers(&c, true, got, sizeof(got), &body), 2);
	ck_assert_str_eq(got, "200 200");
	ck_assert_int_eq(count(c.in.p, "\r\nContent-Length: 13\r\n"), 2);
	ck_assert_ptr_null(strchr(c.in.p, '<'));
	client_close(&c);
}
END_TEST

/* What ends with the connection says so; 204 has no length, 202 has one. */
START_TEST(closing)
{
	static const struct {
		const char *raw, *has, *has_not;
		bool closed;
	} cases[] = {
		{ "GET / HTTP/1.0\r\n\r\n", "\r\nConnection: close\r\n", "chunked", true },
		{ GET "Connection: close\r\n\r\n", "\r\nConnection: close\r\n", "chunked", true },
		{ "GARBAGE\r\n", "\r\nConnection: close\r\n", "X-Powered", false },
		{ GET "\r\n", "\r\nContent-Length: 11\r\n", "\r\nConnection:", false },
		{ "GET /none HTTP/1.1\r\n" H "\r\n", " 204 No Content\r\n", "Content-Length", false },
		{ "GET /accepted HTTP/1.1\r\n" H "\r\n", "\r\nContent-Length: 0\r\n",
		    "\r\nContent-Type", false },
	};
	struct client c;

	client_open(&c);
	client_send(&c, cases[_i].raw, strlen(cases[_i].raw));
	if (cases[_i].has_not[0] == 'X')
		client_say(&c, "\r\n");
	wait_answers(&c, 1);
	ck_assert_msg(strstr(c.in.p, cases[_i].has) != NULL, "%s", c.in.p);
	ck_assert_msg(strstr(c.in.p, cases[_i].has_not) == NULL, "%s", c.in.p);
	if (cases[_i].closed)
		ck_assert(wait_closed(&c));
	client_close(&c);
}
END_TEST

/* ---- answers ---- */

static const char *
reply_with(struct client *c, const char *name, const char *value)
{
	client_open(c);
	client_say(c, HOLD);
	http_add(peer.held, name, value);
	http_error(peer.held, HTTP_ERROR_NOT_FOUND, "say \"what\"");
	wait_answers(c, 1);
	return c->in.p;
}

START_TEST(added_headers)
{
	static const struct {
		const char *name, *value, *has;
		int n;
	} cases[] = {
		{ "X-A", "b\r\nX-B: c", "X-A", 0 },
		{ "X-A\n", "b", "X-A", 0 },
		{ "Cache-Control", "no-store", "\r\nCache-Control: no-store\r\n", 1 },
		{ "content-security-policy", "none", "\r\nContent-Security-Policy: ", 1 },
		{ "X-Frame-Options", "DENY", "\r\nX-Frame-Options: DENY\r\n", 1 },
		{ "X-Frame-Options", "DENY", "\r\nX-Frame-Options: ", 1 },
	};
	struct client c;
	const char *in = reply_with(&c, cases[_i].name, cases[_i].value);

	ck_assert_msg(count(in, cases[_i].has) == cases[_i].n, "%s", in);
	ck_assert_ptr_nonnull(strstr(in, "{\"error\":\"not_found\",\"message\":"
	    "\"say \\\"what\\\"\",\"request_id\":\""));
	ck_assert_ptr_nonnull(strstr(in, "\r\nContent-Type: application/json\r\n"));
	client_close(&c);
}
END_TEST

START_TEST(helmet)
{
	static const char *const want[] = {
		"Cross-Origin-Opener-Policy: same-origin", "Cross-Origin-Resource-Policy: same-origin",
		"Origin-Agent-Cluster: ?1", "Referrer-Policy: no-referrer",
		"X-Content-Type-Options: nosniff", "X-DNS-Prefetch-Control: off",
		"X-Download-Options: noopen", "X-Frame-Options: SAMEORIGIN",
		"X-Permitted-Cross-Domain-Policies: none", "X-XSS-Protection: 0",
	};
	struct http_conf conf = plain_conf;
	struct client c;

	conf.hsts = _i == 1;
	peer_restart(&conf);
	client_open(&c);
	client_say(&c, GET "\r\n");
	wait_answers(&c, 1);
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++)
		ck_assert_msg(count(c.in.p, want[i]) == 1, "%s", want[i]);
	ck_assert_int_eq(count(c.in.p, "Content-Security-Policy"), 1);
	ck_assert_int_eq(count(c.in.p, ";upgrade-insecure-requests"), _i);
	ck_assert_int_eq(count(c.in.p, "\r\nStrict-Transport-Security: "
	    "max-age=31536000; includeSubDomains\r\n"), _i);
	client_close(&c);
}
END_TEST

START_TEST(values_are_trimmed)
{
	struct client c;

	client_open(&c);
	client_say(&c, GET "X-Value:   two  words \t\r\n\r\n");
	ck_assert_str_eq(peer.last_value, "two  words");
	client_say(&c, "GET http://b:80/ HTTP/1.1\r\nX-Value: 1\r\nHost: a\r\n\r\n");
	ck_assert_int_eq(peer.requests, 2);
	client_close(&c);
}
END_TEST

/* The request line's own limit, whatever a head may have. */
START_TEST(line_limit)
{
	struct http_conf conf = plain_conf;
	struct client c;
	char *line = mem_new(8300);

	conf.max_header = 32768;
	peer_restart(&conf);
	client_open(&c);
	memset(line, 'a', 8300);
	memcpy(line, "GET /", 5);
	client_send(&c, line, 8300);
	wait_answers(&c, 1);
	ck_assert_ptr_nonnull(strstr(c.in.p, " 414 URI Too Long"));
	ck_assert_int_eq(peer.done, 1);
	ck_assert_str_eq(peer.last_path, "-");
	ck_assert_int_eq(peer.last_status, 414);
	client_close(&c);
	free(line);
}
END_TEST

START_TEST(request_ids)
{
	struct client c;
	const char *p;
	char last[17] = "";
	int n = 0;

	client_open(&c);
	for (int i = 0; i < 50; i++)
		client_say(&c, GET "\r\n");
	wait_answers(&c, 50);
	for (p = c.in.p; (p = strstr(p, "X-Request-Id: ")) != NULL; n++) {
		p += 14;
		ck_assert_uint_eq(strspn(p, "0123456789abcdef"), 16);
		ck_assert_int_ne(strncmp(p, last, 16), 0);
		snprintf(last, sizeof(last), "%.16s", p);
	}
	ck_assert_int_eq(n, 50);
	client_close(&c);
}
END_TEST

/* ---- what is in a request ---- */

START_TEST(query)
{
	static const struct {
		const char *query, *value;	/* NULL: -1 */
	} cases[] = {
		{ "", NULL }, { "b=1", NULL }, { "ab=1", NULL }, { "a=1&a=1", NULL },
		{ "a=%", NULL }, { "a=%4", NULL }, { "a=%4g", NULL }, { "a=%00", NULL },
		{ "A=1", NULL }, { "b=a=1", NULL },
		{ "a=1", "1" }, { "a", "" }, { "a=", "" }, { "x=y&a=%41+%2b%7E&b", "A +~" },
		{ "&&a=b=c&", "b=c" },
	};
	struct http_req req = { .query = cases[_i].query };
	struct buf out = { 0 };

	buf_str(&out, "x");
	ck_assert_int_eq(http_query(&req, "a", &out), cases[_i].value == NULL ? -1 : 0);
	ck_assert_uint_eq(out.len, 1 + (cases[_i].value == NULL ? 0 :
	    strlen(cases[_i].value)));
	if (cases[_i].value != NULL)
		ck_assert_str_eq(out.p + 1, cases[_i].value);
	buf_wipe(&out);
}
END_TEST

START_TEST(cookie)
{
	static const struct {
		struct http_field fields[2];
		const char *value;
	} cases[] = {
		{ { { "x", "a=1" }, { "y", "" } }, NULL },
		{ { { "cookie", "b=1" }, { "cookie", "ba=1" } }, NULL },
		{ { { "cookie", "a=1; a=2" }, { "y", "" } }, NULL },
		{ { { "cookie", "a=1; a=2" }, { "cookie", "a=3" } }, NULL },
		{ { { "cookie", "a=1" }, { "cookie", "a=1" } }, NULL },
		{ { { "cookie", "b=2; a=x.y_z-=; c=3" }, { "y", "" } }, "x.y_z-=" },
		{ { { "cookie", "b=2" }, { "cookie", "a=1" } }, "1" },
	};
	struct http_req req = { .fields = (struct http_field *)cases[_i].fields,
		.nfields = 2 };
	struct buf out = { 0 };

	ck_assert_int_eq(http_cookie(&req, "a", &out), cases[_i].value == NULL ? -1 : 0);
	if (cases[_i].value != NULL)
		ck_assert_str_eq(out.p, cases[_i].value);
	buf_wipe(&out);
}
END_TEST

START_TEST(error_table)
{
	for (int e = 0; e < HTTP_ERROR_COUNT; e++) {
		ck_assert_int_ge(http_error_status(e), 400);
		ck_assert_int_lt(http_error_status(e), 600);
		ck_assert_uint_gt(strlen(http_error_word(e)), 3);
		ck_assert_uint_gt(strlen(http_error_text(e)), 10);
	}
}
END_TEST

static void
add(TCase *tc)
{
	tcase_add_test(tc, guards_run_before_the_body);
	tcase_add_test(tc, continue_only_when_let_pass);
	tcase_add_test(tc, head_has_length_but_no_body);
	tcase_add_loop_test(tc, closing, 0, 6);
	tcase_add_loop_test(tc, added_headers, 0, 6);
	tcase_add_loop_test(tc, helmet, 0, 2);
	tcase_add_test(tc, values_are_trimmed);
	tcase_add_test(tc, line_limit);
	tcase_add_test(tc, request_ids);
	tcase_add_loop_test(tc, query, 0, 15);
	tcase_add_loop_test(tc, cookie, 0, 7);
	tcase_add_test(tc, error_table);
}

int
main(void)
{
	return peer_main("http1_reply", add);
}
