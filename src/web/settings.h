/* SPDX-License-Identifier: ISC */
#ifndef WEB_SETTINGS_H
#define WEB_SETTINGS_H

#include "web/page.h"

/* What to paste into which client, with KEY where the key goes. */
void settings_add(const struct conf *conf, struct page *p);

#endif
