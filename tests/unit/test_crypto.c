/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/crypto.h"
#include "run.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define ZEROS	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define ONES	"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="

static struct err err;

static const struct {
	const char *text, *why;
} bad_rings[] = {
	{ "", "no key" },
	{ " , ", "no key" },
	{ ZEROS, "begin with an id" },
	{ ":" ZEROS, "begin with an id" },
	{ "a b:" ZEROS, "begin with an id" },
	{ "abcdefghijklmnopq:" ZEROS, "begin with an id" },
	{ "a:", "base64 of 32 bytes" },
	{ "a:AAAA", "base64 of 32 bytes" },
	{ "a:" ZEROS "AAAA", "base64 of 32 bytes" },
	{ "a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "base64 of 32 bytes" },
	{ "a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=", "base64 of 32 bytes" },
	{ "a:" ZEROS ",a:" ONES, "twice" },
	{ "1:" ZEROS ",2:" ZEROS ",3:" ZEROS ",4:" ZEROS ",5:" ZEROS ",6:" ZEROS
	  ",7:" ZEROS ",8:" ZEROS ",9:" ZEROS, "more than 8" },
};

START_TEST(ring_refused)
{
	ck_assert_ptr_null(keyring_parse(bad_rings[_i].text, &err));
	ck_assert_msg(strstr(err.text, bad_rings[_i].why) != NULL, "%s", err.text);
	ck_assert_ptr_null(strstr(err.text, "AAAA"));
}
END_TEST

static struct keyring *
ring(const char *text)
{
	struct keyring *k = keyring_parse(text, &err);

	ck_assert_msg(k != NULL, "%s", err.text);
	return k;
}

START_TEST(ring_ids)
{
	struct keyring *k = ring(" new:" ONES ", old:" ZEROS ",");

	ck_assert_str_eq(keyring_first(k), "new");
	ck_assert(keyring_has(k, "old"));
	ck_assert(!keyring_has(k, "ne"));
	ck_assert(!keyring_has(k, ""));
	keyring_free(k);
	keyring_free(NULL);
}
END_TEST

START_TEST(tampered)
{
	struct keyring *k = ring("a:" ONES ",b:" ZEROS);
	struct buf sealed = { 0 }, out = { 0 };

	buf_str(&out, "kept");
	keyring_seal(k, "team T1", "secret", 6, &sealed);
	ck_assert_uint_eq(sealed.len, 12 + 6 + 16);
	for (size_t i = 0; i < sealed.len; i++) {
		sealed.p[i] ^= 1;
		ck_assert_int_eq(keyring_open(k, "a", "team T1", sealed.p,
		    sealed.len, &out, &err), -1);
		sealed.p[i] ^= 1;
	}
	for (size_t i = 0; i < sealed.len; i++)
		ck_assert_int_eq(keyring_open(k, "a", "team T1", sealed.p, i,
		    &out, &err), -1);
	ck_assert_int_eq(keyring_open(k, "a", "team T2", sealed.p, sealed.len,
	    &out, &err), -1);
	ck_assert_int_eq(keyring_open(k, "b", "team T1", sealed.p, sealed.len,
	    &out, &err), -1);
	ck_assert_int_eq(keyring_open(k, "c", "team T1", sealed.p, sealed.len,
	    &out, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "no key \"c\""));
	ck_assert_str_eq(out.p, "kept");
	buf_wipe(&sealed);
	buf_wipe(&out);
	keyring_free(k);
}
END_TEST

START_TEST(sealing)
{
	struct keyring *k = ring("a:" ONES), *later = ring("b:" ZEROS ",a:" ONES);
	struct buf one = { 0 }, two = { 0 }, out = { 0 };

	keyring_seal(k, "row", "secret", 6, &one);
	keyring_seal(k, "row", "secret", 6, &two);
	ck_assert_int_ne(memcmp(one.p, two.p, one.len), 0);	/* its own nonce */
	ck_assert_int_eq(keyring_open(later, "a", "row", one.p, one.len, &out,
	    &err), 0);
	ck_assert_str_eq(out.p, "secret");
	buf_reset(&two);
	keyring_seal(k, "", "", 0, &two);
	buf_reset(&out);
	ck_assert_int_eq(keyring_open(k, "a", "", two.p, two.len, &out, &err), 0);
	ck_assert_uint_eq(out.len, 0);
	buf_wipe(&one);
	buf_wipe(&two);
	buf_wipe(&out);
	keyring_free(k);
	keyring_free(later);
}
END_TEST

/* NIST's GCM test case 14 without its nonce's zeros being ours to choose: what
 * we open is what others seal, so the layout is nonce, text, tag. */
START_TEST(known_seal)
{
	struct keyring *k = ring("z:" ZEROS);
	static const unsigned char sealed[] = {
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0xce, 0xa7, 0x40, 0x3d, 0x4d, 0x60, 0x6b, 0x6e,
		0x07, 0x4e, 0xc5, 0xd3, 0xba, 0xf3, 0x9d, 0x18,
		0xd0, 0xd1, 0xc8, 0xa7, 0x99, 0x99, 0x6b, 0xf0,
		0x26, 0x5b, 0x98, 0xb5, 0xd4, 0x8a, 0xb9, 0x19,
	};
	static const char zeros[16];
	struct buf out = { 0 };

	ck_assert_int_eq(keyring_open(k, "z", "", sealed, sizeof(sealed), &out,
	    &err), 0);
	ck_assert_uint_eq(out.len, 16);
	ck_assert_int_eq(memcmp(out.p, zeros, 16), 0);
	buf_wipe(&out);
	keyring_free(k);
}
END_TEST

START_TEST(wrapping)
{
	struct keyring *k = ring("old:" ONES), *both = ring("new:" ZEROS ",old:" ONES);
	struct keyring *other = ring("old:" ZEROS);
	struct buf text = { 0 }, out = { 0 };

	keyring_wrap(k, "state", "value", 5, &text);
	ck_assert_uint_eq(strspn(text.p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklm"
	    "nopqrstuvwxyz0123456789-_"), text.len);
	ck_assert_int_eq(keyring_unwrap(k, "cursor", text.p, text.len, &out), -1);
	ck_assert_int_eq(keyring_unwrap(other, "state", text.p, text.len, &out), -1);
	for (size_t i = 0; i < text.len; i++)
		ck_assert_int_eq(keyring_unwrap(k, "state", text.p, i, &out), -1);
	for (size_t i = 0; i < text.len; i++) {
		char kept = text.p[i];

		text.p[i] = kept == 'A' ? 'B' : 'A';
		ck_assert_int_eq(keyring_unwrap(k, "state", text.p, text.len,
		    &out), -1);
		text.p[i] = kept;
	}
	ck_assert_int_eq(keyring_unwrap(k, "state", "", 0, &out), -1);
	ck_assert_int_eq(keyring_unwrap(k, "state", "////", 4, &out), -1);
	ck_assert_uint_eq(out.len, 0);
	ck_assert_int_eq(keyring_unwrap(both, "state", text.p, text.len, &out), 0);
	ck_assert_str_eq(out.p, "value");
	buf_wipe(&text);
	buf_wipe(&out);
	keyring_free(k);
	keyring_free(both);
	keyring_free(other);
}
END_TEST

static const struct {
	const char *text;
	int url, padded;	/* what the two decoders say */
} bad64[] = {
	{ "A", -1, -1 }, { "AB", -1, -1 }, { "A=", -1, -1 }, { "====", -1, -1 },
	{ "QQ", 0, -1 }, { "QQ=", -1, -1 }, { "QQ==", -1, 0 }, { "Q===", -1, -1 },
	{ "QUJD", 0, 0 }, { "QUJ\n", -1, -1 }, { " QUJ", -1, -1 }, { "Q=JD", -1, -1 },
	{ "-_-_", 0, -1 }, { "+/+/", -1, 0 }, { "", 0, 0 }, { "QR==", -1, -1 },
};

START_TEST(strict64)
{
	struct buf b = { 0 };
	size_t len = strlen(bad64[_i].text);

	ck_assert_int_eq(crypto_unb64url(&b, bad64[_i].text, len), bad64[_i].url);
	ck_assert_int_eq(crypto_unb64(&b, bad64[_i].text, len), bad64[_i].padded);
	buf_wipe(&b);
}
END_TEST

/* RFC 4648, 10 */
static const struct {
	const char *plain, *padded, *url;
} vectors[] = {
	{ "", "", "" }, { "f", "Zg==", "Zg" }, { "fo", "Zm8=", "Zm8" },
	{ "foo", "Zm9v", "Zm9v" }, { "foob", "Zm9vYg==", "Zm9vYg" },
	{ "fooba", "Zm9vYmE=", "Zm9vYmE" }, { "foobar", "Zm9vYmFy", "Zm9vYmFy" },
	{ "\xfb\xff", "+/8=", "-_8" },
};

START_TEST(base64)
{
	size_t len = strlen(vectors[_i].plain);
	struct buf b = { 0 };
	char url[64];

	ck_assert_uint_le(strlen(vectors[_i].url) + 1, B64URL_SIZE(len));
	crypto_b64url(url, vectors[_i].plain, len);
	ck_assert_str_eq(url, vectors[_i].url);
	crypto_b64(&b, vectors[_i].plain, len);
	ck_assert_str_eq(b.p, vectors[_i].padded);
	buf_reset(&b);
	ck_assert_int_eq(crypto_unb64(&b, vectors[_i].padded,
	    strlen(vectors[_i].padded)), 0);
	ck_assert_int_eq(crypto_unb64url(&b, url, strlen(url)), 0);
	ck_assert_uint_eq(b.len, 2 * len);
	if (len != 0) {
		ck_assert_int_eq(memcmp(b.p, vectors[_i].plain, len), 0);
		ck_assert_int_eq(memcmp(b.p + len, vectors[_i].plain, len), 0);
	}
	buf_wipe(&b);
}
END_TEST

static const struct {
	const char *text, *hex;
} hashes[] = {		/* FIPS 180 */
	{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
};

START_TEST(sha256)
{
	unsigned char hash[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];

	crypto_sha256(hashes[_i].text, strlen(hashes[_i].text), hash);
	crypto_hex(hex, hash, sizeof(hash));
	ck_assert_str_eq(hex, hashes[_i].hex);
}
END_TEST

START_TEST(tokens)
{
	char a[B64URL_SIZE(32)], b[B64URL_SIZE(32)];

	crypto_token(a, 32);
	crypto_token(b, 32);
	ck_assert_uint_eq(strlen(a), 43);
	ck_assert_str_ne(a, b);
	ck_assert(!crypto_equal(a, b, sizeof(a)));
	ck_assert(crypto_equal(a, a, sizeof(a)));
}
END_TEST

#define N(table)	(sizeof(table) / sizeof((table)[0]))

/* A reload may add keys and move them, never lose one. */
static const struct {
	const char *now, *lacks;
} reloads[] = {
	{ "a:" ZEROS, "b" },
	{ "b:" ONES, "a" },
	{ "a:" ZEROS ",b:" ZEROS, "b" },	/* of that name, but another */
	{ "b:" ZEROS ",a:" ONES, "a" },
	{ "a:" ZEROS ",b:" ONES, NULL },
	{ "c:" ONES ",b:" ONES ",a:" ZEROS, NULL },
};

START_TEST(reload_lacks)
{
	struct keyring *was = keyring_parse("a:" ZEROS ",b:" ONES, &err);
	struct keyring *now = keyring_parse(reloads[_i].now, &err);

	ck_assert_pstr_eq(keyring_lacks(now, was), reloads[_i].lacks);
	keyring_free(was);
	keyring_free(now);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("crypto");

	tcase_add_loop_test(tc, ring_refused, 0, N(bad_rings));
	tcase_add_loop_test(tc, reload_lacks, 0, sizeof(reloads) / sizeof(reloads[0]));
	tcase_add_test(tc, ring_ids);
	tcase_add_test(tc, tampered);
	tcase_add_test(tc, sealing);
	tcase_add_test(tc, known_seal);
	tcase_add_test(tc, wrapping);
	tcase_add_loop_test(tc, strict64, 0, N(bad64));
	tcase_add_loop_test(tc, base64, 0, N(vectors));
	tcase_add_loop_test(tc, sha256, 0, N(hashes));
	tcase_add_test(tc, tokens);
	return run_case("crypto", tc);
}
