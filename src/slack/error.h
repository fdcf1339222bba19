/* SPDX-License-Identifier: ISC */
#ifndef SLACK_ERROR_H
#define SLACK_ERROR_H

#include "slack/api.h"

/* The class of one of Slack's error words; OTHER for one that has no row. */
enum slack_class slack_class_of(const char *code);
/* What the model is told of it; never empty. */
const char *slack_error_text(const char *code);
const char *slack_class_word(enum slack_class c);

/* What a model is told of an answer that is no success: plain words and the next
 * step, never a token, with the URL where the app has to be connected again. */
void slack_explain(const struct slack *s, const struct slack_answer *a,
    enum slack_method m, struct buf *out);

/* How a workspace gets one of these scopes (list; "": it is not about scopes): a
 * sentence without its end. */
void slack_tell_way(const struct slack *s, const char *scopes, struct buf *out);

/* For the tests: the rows of errors.def in order; NULL past the end. */
const char *slack_error_code(size_t row);

/* The letters of an error word or a scope list, for log lines and answers: what is
 * none is left out.  out is always a string. */
void slack_word(char *out, size_t size, const char *text, size_t len);

#endif
