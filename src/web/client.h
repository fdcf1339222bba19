/* SPDX-License-Identifier: ISC */
#ifndef WEB_CLIENT_H
#define WEB_CLIENT_H

#include "web/visit.h"

/* Whose request it is, and how it came to the outermost proxy that we trust: the
 * one reading of X-Forwarded-For, -Proto and -Host.  They are believed from
 * TRUSTED_PROXIES alone; what anybody else says is counted and told of. */
void client_learn(struct visit *v);

/* This came to a trusted proxy over plain http although the public address is https,
 * or to PORT from elsewhere although TLS_PORT is there: pages are sent to https, what
 * brings a key is refused.  false: answered. */
bool client_secure(struct visit *v);

#endif
