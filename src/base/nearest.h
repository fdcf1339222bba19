/* SPDX-License-Identifier: ISC */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

/* For messages that name what was probably meant: offer every word that would
 * have been right, then ask for the best. */
struct nearest {
	const char *wrong;
	const char *word;	/* NULL: none is near */
	size_t distance;
};

void nearest_offer(struct nearest *n, const char *word);

#endif
