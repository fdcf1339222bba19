/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define V4_BITS		96	/* those of the prefix ::ffff:0:0 */

static const unsigned char v4_prefix[12] = { [10] = 0xff, [11] = 0xff };

static bool
is_v4(const struct address *a)
{
	return memcmp(a->bytes, v4_prefix, sizeof(v4_prefix)) == 0;
}

int
address_parse(struct address *a, const char *text, size_t len)
{
	char copy[ADDRESS_SIZE];

	if (len == 0 || len >= sizeof(copy) || memchr(text, '\0', len) != NULL)
		return -1;
	memcpy(copy, text, len);
	copy[len] = '\0';
	memcpy(a->bytes, v4_prefix, sizeof(v4_prefix));
	if (inet_pton(AF_INET, copy, &a->bytes[sizeof(v4_prefix)]) == 1)
		return 0;
	return inet_pton(AF_INET6, copy, a->bytes) == 1 ? 0 : -1;
}

bool
address_is_loopback(const struct address *a)
{
	static const unsigned char four[13] = { [10] = 0xff, 0xff, 127 }, six[16] = { [15] = 1 };

	return memcmp(a->bytes, four, sizeof(four)) == 0 ||
	    memcmp(a->bytes, six, sizeof(six)) == 0;
}

void
address_text(const struct address *a, char out[ADDRESS_SIZE])
{
	if (is_v4(a))
		inet_ntop(AF_INET, &a->bytes[sizeof(v4_prefix)], out,
		    ADDRESS_SIZE);
	else
		inet_ntop(AF_INET6, a->bytes, out, ADDRESS_SIZE);
}

static bool
within(const struct network *n, const struct address *a)
{
	unsigned whole = n->bits / 8, rest = n->bits % 8;

	if (memcmp(n->address.bytes, a->bytes, whole) != 0)
		return false;
	return rest == 0 ||
	    (n->address.bytes[whole] ^ a->bytes[whole]) >> (8 - rest) == 0;
}

/* What is left of a prefix when only its bits stay. */
static struct address
first_of(const struct network *n)
{
	struct address a = n->address;

	for (unsigned bit = n->bits; bit < 128; bit++)
		a.bytes[bit / 8] &= (unsigned char)~(0x80 >> bit % 8);
	return a;
}

/* One to three digits, up to max. */
static int
take_bits(unsigned *bits, const char *p, size_t len, unsigned max)
{
	*bits = 0;
	if (len == 0 || len > 3 || (len > 1 && *p == '0'))
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		*bits = *bits * 10 + (unsigned)(p[i] - '0');
	}
	return *bits <= max ? 0 : -1;
}

int
network_parse(struct network *n, const char *text, size_t len, struct err *err)
{
	const char *slash = memchr(text, '/', len);
	size_t before = slash != NULL ? (size_t)(slash - text) : len;
	unsigned more, max;
	struct address first;
	char should[ADDRESS_SIZE];

	if (address_parse(&n->address, text, before) == -1)
		return err_set(err, ERR_INPUT,
		    "is no address: write numbers, as "
		    "192.0.2.7, 10.0.0.0/8 or 2001:db8::/32");
	n->bits = 128;
	if (slash == NULL)
		return 0;
	more = memchr(text, ':', before) == NULL ? V4_BITS : 0;
	max = 128 - more;
	if (take_bits(&n->bits, slash + 1, len - before - 1, max) == -1)
		return err_set(err, ERR_INPUT,
		    "has no good prefix length: write 0 to %u "
		    "behind the slash",
		    max);
	n->bits += more;
	first = first_of(n);
	if (memcmp(&first, &n->address, sizeof(first)) == 0)
		return 0;
	address_text(&first, should);
	return err_set(err, ERR_INPUT,
	    "has bits behind its prefix: write %s/%u", should, n->bits - more);
}

bool
networks_have(const struct networks *all, const struct address *a)
{
	for (size_t i = 0; i < all->count; i++)
		if (within(&all->list[i], a))
			return true;
	return false;
}
