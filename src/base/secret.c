/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/secret.h"

#include <stdlib.h>
#include <string.h>

void
secret_set(struct secret *s, const char *text)
{
	secret_wipe(s);
	s->len = strlen(text);
	s->bytes = strdup(text);
	if (s->bytes == NULL)
		abort();
}

void
secret_copy(struct secret *to, const struct secret *from)
{
	secret_set(to, secret_expose(from));
}

const char *
secret_expose(const struct secret *s)
{
	return s->bytes != NULL ? s->bytes : "";
}

void
secret_wipe(struct secret *s)
{
	if (s->bytes == NULL)
		return;
	explicit_bzero(s->bytes, s->len);
	free(s->bytes);
	s->bytes = NULL;
	s->len = 0;
}
