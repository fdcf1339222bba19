/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

int
err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
{
	va_list ap;

	err->kind = kind;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return -1;
}
