/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "net/libraries.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <openssl/crypto.h>

void
net_libraries(struct buf *out)
{
	buf_fmt(out, "libevent %s (built with %s)\n", event_get_version(),
	    LIBEVENT_VERSION);
	buf_fmt(out, "%s\n", OpenSSL_version(OPENSSL_VERSION));
	buf_fmt(out, "libcurl %s (built with %s)\n",
	    curl_version_info(CURLVERSION_NOW)->version, LIBCURL_VERSION);
}
