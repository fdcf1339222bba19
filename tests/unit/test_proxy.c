/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "net/proxy.h"

#include "base/log.h"
#include "run.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK	"\r\n\r\n\0\r\nQUIT\n"
#define V4	"\xc0\x00\x02\x07\xc6\x33\x64\x01\xdc\x04\x01\xbb"
#define V6	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07" \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\xdc\x04\x01\xbb"
#define MAPPED	"\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x07" \
	"\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\x01\xdc\x04\x01\xbb"
#define BYTES(s)	s, sizeof(s) - 1

static const struct {
	const char *p;
	size_t len;
} bad[] = {
	{ BYTES("GET / HTTP/1.1\r\n") }, { BYTES("\x16\x03\x01") }, { BYTES("proxy ") },
	{ BYTES("PROXY\r\n") }, { BYTES("PROXY  TCP4 192.0.2.7 198.51.100.1 1 2\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n") },
	{ BYTES("PROXY TCP4 192.0.2.7\r 198.51.100.1 1 2\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 1 2 3\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 1 2 \r\n") },
	{ BYTES("PROXY TCP4 192.0.2.7  198.51.100.1 1 2\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 01 2\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 1 65536\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 +1 2\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.07 198.51.100.1 1 2\r\n") },
	{ BYTES("PROXY TCP4 192.0.2 198.51.100.1 1 2\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.7\0 198.51.100.1 1 2\r\n") },
	{ BYTES("PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n") },
	{ BYTES("PROXY TCP6 192.0.2.7 198.51.100.1 1 2\r\n") },
	{ BYTES("PROXY TCP5 192.0.2.7 198.51.100.1 1 2\r\n") },
	{ BYTES("PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n") },
	{ BYTES("PROXY TCP4\r\n") }, { BYTES("PROXY \r\n") }, { BYTES("PROXY UNKNOWNS\r\n") },
	{ BYTES("PROXY UNKNOWN xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n") },
	{ BYTES(MARK "\x11\x11\0\x0c" V4) },		/* version 1 in binary */
	{ BYTES(MARK "\x22\x11\0\x0c" V4) },		/* no such command */
	{ BYTES(MARK "\x21\x12\0\x0c" V4) },		/* datagrams */
	{ BYTES(MARK "\x21\x41\0\x0c" V4) },		/* no such family */
	{ BYTES(MARK "\x21\x11\0\x0b" V4) },		/* too short for its family */
	{ BYTES(MARK "\x21\x21\0\x0c" V4) },
	{ BYTES(MARK "\x21\x31\0\x0c" V4) },
	{ BYTES(MARK "\x21\x11\x0f\xf1") },		/* longer than we take */
	{ BYTES(MARK "\x20\0\xff\xff") },
};

static const struct {
	const char *p;
	size_t len;
	const char *client;		/* NULL: nobody is told of */
} good[] = {
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"), "192.0.2.7" },
	{ BYTES("PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n"), "255.255.255.255" },
	{ BYTES("PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n"), "2001:db8::7" },
	{ BYTES("PROXY TCP6 2001:DB8:0:0::7 ::1 1 2\r\n"), "2001:db8::7" },
	{ BYTES("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n"), "192.0.2.7" },
	{ BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
	  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ BYTES("PROXY UNKNOWN\r\n"), NULL },
	{ BYTES("PROXY UNKNOWN \r\n"), NULL },
	{ BYTES("PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n"), NULL },
	{ BYTES(MARK "\x21\x11\0\x0c" V4), "192.0.2.7" },
	{ BYTES(MARK "\x21\x11\0\x13" V4 "\x04\0\x04" "abcd"), "192.0.2.7" },
	{ BYTES(MARK "\x21\x21\0\x24" V6), "2001:db8::7" },
	{ BYTES(MARK "\x21\x21\0\x24" MAPPED), "192.0.2.7" },
	{ BYTES(MARK "\x21\0\0\0"), NULL },
	{ BYTES(MARK "\x20\0\0\0"), NULL },
	{ BYTES(MARK "\x20\x11\0\x0c" V4), NULL },
	{ BYTES(MARK "\x20\xff\0\x02" "ab"), NULL },
};

static const char *const networks_bad[] = {
	"", "x", "localhost", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08",
	"10.0.0.1/8", "10/8", "::/129", "2001:db8::1/32", "[::1]", "10.0.0.0/8/8",
	"192.0.2.7:80", "*", "fe80::1%lo", "1.2.3.4/ 8",
};

static const struct {
	const char *network, *address;
	bool has;
} networks_good[] = {
	{ "192.0.2.7", "192.0.2.8", false }, { "192.0.2.7", "192.0.2.7", true },
	{ "192.0.2.7", "::ffff:192.0.2.7", true }, { "::ffff:192.0.2.7", "192.0.2.7", true },
	{ "10.0.0.0/8", "11.0.0.1", false }, { "10.0.0.0/8", "10.255.0.1", true },
	{ "10.1.128.0/17", "10.1.127.255", false }, { "10.1.128.0/17", "10.1.128.0", true },
	{ "0.0.0.0/0", "2001:db8::1", false }, { "0.0.0.0/0", "192.0.2.1", true },
	{ "2001:db8::/31", "2001:dba::1", false }, { "2001:db8::/31", "2001:db9::1", true },
	{ "::1", "127.0.0.1", false }, { "::/0", "127.0.0.1", true },
	{ "192.0.2.6/31", "192.0.2.7", true }, { "::1/128", "::1", true },
};

START_TEST(bad_headers)
{
	struct proxy got;

	ck_assert_int_eq(proxy_parse(&got, bad[_i].p, bad[_i].len), -1);
}
END_TEST

/* Whole, with more behind it, and in pieces. */
START_TEST(good_headers)
{
	struct proxy got;
	char text[ADDRESS_SIZE], more[512];
	size_t len = good[_i].len;

	memcpy(more, good[_i].p, len);
	memcpy(more + len, "\r\n\r\nPROXY", 9);
	for (size_t cut = 0; cut < len; cut++)
		ck_assert_int_eq(proxy_parse(&got, more, cut), 0);
	for (size_t extra = 0; extra < 10; extra++) {
		ck_assert_int_eq(proxy_parse(&got, more, len + extra), (ssize_t)len);
		ck_assert_int_eq(got.told, good[_i].client != NULL);
		if (!got.told)
			continue;
		address_text(&got.client, text);
		ck_assert_str_eq(text, good[_i].client);
	}
}
END_TEST

START_TEST(bad_networks)
{
	struct network n;
	struct err err;

	err.text[0] = '\0';
	ck_assert_int_eq(network_parse(&n, networks_bad[_i], strlen(networks_bad[_i]), &err),
	    -1);
	ck_assert_str_ne(err.text, "");
}
END_TEST

START_TEST(good_networks)
{
	struct network n;
	struct networks all = { &n, 1 };
	struct address a;
	struct err err;

	ck_assert_int_eq(network_parse(&n, networks_good[_i].network,
	    strlen(networks_good[_i].network), &err), 0);
	ck_assert_int_eq(address_parse(&a, networks_good[_i].address,
	    strlen(networks_good[_i].address)), 0);
	ck_assert_int_eq(networks_have(&all, &a), networks_good[_i].has);
}
END_TEST

#define COUNT(a)	((int)(sizeof(a) / sizeof((a)[0])))

int
main(void)
{
	TCase *c = tcase_create("all");

	log_quiet();
	tcase_add_loop_test(c, bad_headers, 0, COUNT(bad));
	tcase_add_loop_test(c, good_headers, 0, COUNT(good));
	tcase_add_loop_test(c, bad_networks, 0, COUNT(networks_bad));
	tcase_add_loop_test(c, good_networks, 0, COUNT(networks_good));
	return run_case("proxy", c);
}
