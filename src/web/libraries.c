/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "web/web.h"

#include <json.h>

void
web_libraries(struct buf *out)
{
	buf_fmt(out, "json-c %s (built with %s)\n", json_c_version(),
	    JSON_C_VERSION);
}
