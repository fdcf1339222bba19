/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/nearest.h"

#include <ctype.h>
#include <string.h>

#define LONGEST	32

/* Letters to change, add or leave out, to get from a to b. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[LONGEST + 1], len = strlen(b);

	for (size_t i = 0; i <= len; i++)
		row[i] = i;
	for (size_t y = 1; a[y - 1] != '\0'; y++) {
		size_t corner = row[0];

		row[0] = y;
		for (size_t x = 1; x <= len; x++) {
			size_t best = corner +
			    (tolower((unsigned char)a[y - 1]) !=
				tolower((unsigned char)b[x - 1]));

			corner = row[x];
			if (row[x] + 1 < best)
				best = row[x] + 1;
			if (row[x - 1] + 1 < best)
				best = row[x - 1] + 1;
			row[x] = best;
		}
	}
	return row[len];
}

void
nearest_offer(struct nearest *n, const char *word)
{
	size_t d;

	if (strlen(n->wrong) > LONGEST || strlen(word) > LONGEST)
		return;
	d = distance(n->wrong, word);
	if (d > strlen(word) / 2 || (n->word != NULL && d >= n->distance))
		return;
	n->word = word;
	n->distance = d;
}
