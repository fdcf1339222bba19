/* SPDX-License-Identifier: ISC */
#ifndef BASE_ERR_H
#define BASE_ERR_H

/* What went wrong, seen from outside.  Kinds only: mcp/ and web/ each have a
 * table that says what a kind is called on their wire. */
#define ERR_KINDS(X)                                                      \
	X(ERR_NONE)                                                       \
	X(ERR_INPUT)		/* what was asked makes no sense */       \
	X(ERR_AUTH)		/* who asks may not */                    \
	X(ERR_NOT_FOUND)                                                  \
	X(ERR_LIMIT)		/* too much; later it may go */           \
	X(ERR_UPSTREAM)		/* Slack or the store is away or failed */ \
	X(ERR_TIMEOUT)		/* as above, and nobody knows if it was done */ \
	X(ERR_INTERNAL)		/* our own fault */

enum err_kind {
#define X(kind) kind,
	ERR_KINDS(X)
#undef X
	ERR_COUNT
};

/* A failure the program lives on with.  Lives on the stack of whoever
 * called; text is for logs and operators, never holds a secret. */
struct err {
	enum err_kind kind;
	char text[256];
};

/* Fills *err and returns -1, so that "return err_set(...)" reads well. */
int err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
