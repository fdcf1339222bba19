/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "fuzz.h"

#include "net/proxy.h"

#include <string.h>

/* It says the same of a header whatever is behind it, and of its pieces only that
 * there is more to come.
 * covers: net/proxy.c */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct proxy whole, part;
	ssize_t n = proxy_parse(&whole, bytes, len);
	char text[ADDRESS_SIZE];
	struct address again;

	MUST(n >= -1 && n <= PROXY_LONGEST && (n == -1 || (size_t)n <= len));
	if (n == 0)
		MUST(len < PROXY_LONGEST);
	if (n <= 0)
		return 0;
	MUST(proxy_parse(&part, bytes, (size_t)n) == n);
	MUST(part.told == whole.told);
	for (ssize_t cut = 0; cut < n; cut++)
		MUST(proxy_parse(&part, bytes, (size_t)cut) == 0);
	if (whole.told) {
		address_text(&whole.client, text);
		MUST(address_parse(&again, text, strlen(text)) == 0);
		MUST(memcmp(&again, &whole.client, sizeof(again)) == 0);
	}
	return 0;
}
