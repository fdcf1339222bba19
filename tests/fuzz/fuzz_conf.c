/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "fuzz.h"

#include "base/conf_row.h"
#include "base/mem.h"

#include <string.h>

static void
on_line(void *arg, const char *name, size_t len, const char *value, unsigned line)
{
	struct conf *c = arg;
	const struct conf_row *row;
	char quoted[CONF_QUOTED_SIZE];
	struct buf shown = { 0 };
	struct err err;
	bool by_file;

	MUST(len > 0 && line > 0);
	row = conf_row_find(name, len, &by_file);
	if (row == NULL || by_file)
		return;
	conf_quote(quoted, row, value);
	MUST(strlen(quoted) < sizeof(quoted));
	if (conf_parse(row, value, c, &err) == 0) {
		conf_show(row, c, &shown);
		MUST(row->type != T_SECRET || shown.p[0] == '(');
		buf_wipe(&shown);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct conf_report report = { 0 };
	struct conf *c = mem_new(sizeof(*c));
	const struct conf_row *row;
	struct err err;

	for (size_t i = 0; (row = conf_row(i)) != NULL; i++)
		MUST(conf_parse(row, row->dflt != NULL ? row->dflt : "", c, &err)
		    == 0);
	conf_file_parse((const char *)bytes, len, "file", on_line, c, &report);
	conf_report_wipe(&report);
	conf_free(c);
	return 0;
}
