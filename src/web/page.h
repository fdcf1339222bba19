/* SPDX-License-Identifier: ISC */
#ifndef WEB_PAGE_H
#define WEB_PAGE_H

#include "web/visit.h"

/* HTML.  text is escaped, everywhere: no caller writes a tag. */
struct page {
	struct buf html;
	bool facts;			/* the list of them is open */
};

/* What the title says to the eye. */
enum page_mood { PAGE_PLAIN, PAGE_GOOD, PAGE_WAIT, PAGE_BAD };

void page_begin(struct page *p, enum page_mood mood, const char *title);
void page_text(struct page *p, const char *fmt, ...)		/* a paragraph */
	__attribute__((format(printf, 2, 3)));
void page_head(struct page *p, const char *text);
void page_subhead(struct page *p, const char *text);
void page_code(struct page *p, const char *text);		/* to be copied */
void page_link(struct page *p, const char *url, const char *text);
/* A row of what is known: name, value; none without a value. */
void page_fact(struct page *p, const char *name, const char *value);
/* Sends and wipes it: never stored, no referrer, a policy that lets nothing in. */
void page_send(struct page *p, struct visit *v, int status);

/* A failure: a page for browsers, else {"error": word, "message", "request_id"}.
 * The word is kept for the log, text is not. */
void page_error(struct visit *v, int status, const char *word,
    const char *text);
/* Likewise, with the link that begins an install. */
void page_again(struct visit *v, int status, const char *word,
    const char *text);

/* The URL under PUBLIC_BASE_URL. */
void page_url(const struct conf *conf, const char *path, struct buf *out);

#endif
