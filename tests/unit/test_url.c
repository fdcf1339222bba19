/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/url.h"
#include "run.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *text, *why;
} bad[] = {
	{ "", "scheme://" }, { "localhost", "scheme://" }, { "http:/x", "scheme://" },
	{ "://x", "scheme://" }, { "1a://x", "scheme://" }, { "a b://x", "scheme://" },
	{ "http://", "host" }, { "http:///x", "host" }, { "http://a b", "host" },
	{ "http://a%20b", "host" }, { "http://\xc3\xa9", "host" }, { "http://[::1", "host" },
	{ "http://[zz]", "host" }, { "http://[127.0.0.1]", "host" }, { "http://a\\b", "host" },
	{ "http://u@h", "user" }, { "http://u:p@h/", "user" },
	{ "http://h:", "port" }, { "http://h:0", "port" }, { "http://h:65536", "port" },
	{ "http://h:+1", "port" }, { "http://h:8080x", "port" }, { "http://[::1]8", "port" },
	{ "http://h?x", "?" }, { "http://h/a?b=c", "?" }, { "http://h/#f", "#" },
	{ "http://h/a b", "percent" }, { "http://h/<x>", "percent" }, { "http://h/\n", "percent" },
};

START_TEST(refused)
{
	struct err err;
	struct url u;

	ck_assert_msg(url_parse(&u, bad[_i].text, &err) == -1, "%s", bad[_i].text);
	ck_assert_msg(strstr(err.text, bad[_i].why) != NULL, "%s: %s", bad[_i].text,
	    err.text);
}
END_TEST

static const struct {
	const char *text, *origin, *path;
	bool loopback;
} good[] = {
	{ "https://Example.COM", "https://example.com", "", false },
	{ "HTTPS://example.com:443/", "https://example.com", "/", false },
	{ "http://example.com:80/a/b%20c", "http://example.com", "/a/b%20c", false },
	{ "https://example.com:80", "https://example.com:80", "", false },
	{ "http://localhost:8080/x", "http://localhost:8080", "/x", true },
	{ "http://a.LOCALHOST", "http://a.localhost", "", true },
	{ "http://notlocalhost", "http://notlocalhost", "", false },
	{ "http://localhost.example.com", "http://localhost.example.com", "", false },
	{ "http://127.0.0.1", "http://127.0.0.1", "", true },
	{ "http://127.9.9.9:1", "http://127.9.9.9:1", "", true },
	{ "http://127.example.com", "http://127.example.com", "", false },
	{ "http://128.0.0.1", "http://128.0.0.1", "", false },
	{ "http://[::1]:8080", "http://[::1]:8080", "", true },
	{ "http://[0:0::1]", "http://[::1]", "", true },
	{ "http://[2001:DB8::1]", "http://[2001:db8::1]", "", false },
};

START_TEST(parsed)
{
	char origin[URL_ORIGIN_SIZE];
	struct err err;
	struct url u;

	ck_assert_int_eq(url_parse(&u, good[_i].text, &err), 0);
	url_origin(&u, origin);
	ck_assert_str_eq(origin, good[_i].origin);
	ck_assert_str_eq(u.path, good[_i].path);
	ck_assert(url_is_loopback(&u) == good[_i].loopback);
}
END_TEST

static const struct {
	const char *text, *normal;	/* NULL: none */
} origins[] = {
	{ "", NULL }, { "*", NULL }, { "example.com", NULL }, { "https://x/y", NULL },
	{ "https://x//", NULL }, { "NULL", NULL }, { "https://x?y", NULL },
	{ "null", "null" }, { "https://App.Example.com/", "https://app.example.com" },
	{ "https://x:443", "https://x" }, { "http://x:443", "http://x:443" },
	{ "app://obsidian.md", "app://obsidian.md" },
	{ "VSCODE-webview://1A2b", "vscode-webview://1a2b" },
	{ "chrome-extension://abc", "chrome-extension://abc" },
	{ "http://[::1]:3000", "http://[::1]:3000" },
};

START_TEST(normal)
{
	char out[URL_ORIGIN_SIZE];
	int rc = url_normal_origin(origins[_i].text, out);

	ck_assert_int_eq(rc, origins[_i].normal != NULL ? 0 : -1);
	if (rc == 0)
		ck_assert_str_eq(out, origins[_i].normal);
}
END_TEST

START_TEST(longest)
{
	char text[1200] = "https://";
	struct err err;
	struct url u;

	memset(text + 8, 'a', 255);
	ck_assert_int_eq(url_parse(&u, text, &err), 0);
	memset(text + 8, 'a', 256);
	ck_assert_int_eq(url_parse(&u, text, &err), -1);
	memset(text + 8, 0, 256);
	memset(text + 8, '/', 600);
	text[8] = 'h';
	ck_assert_int_eq(url_parse(&u, text, &err), -1);
}
END_TEST

#define N(table)	(sizeof(table) / sizeof((table)[0]))

int
main(void)
{
	TCase *tc = tcase_create("url");

	tcase_add_loop_test(tc, refused, 0, N(bad));
	tcase_add_test(tc, longest);
	tcase_add_loop_test(tc, parsed, 0, N(good));
	tcase_add_loop_test(tc, normal, 0, N(origins));
	return run_case("url", tc);
}
