/* SPDX-License-Identifier: ISC */
#ifndef SLACK_JS_H
#define SLACK_JS_H

#include <json.h>
#include <stdbool.h>
#include <stddef.h>

/* Reading foreign JSON: a member of the wrong type is as good as none. */

static inline struct json_object *
js_get(struct json_object *o, const char *key, enum json_type type)
{
	struct json_object *v;

	if (json_object_is_type(o, json_type_object) &&
	    json_object_object_get_ex(o, key, &v) &&
	    json_object_is_type(v, type))
		return v;
	return NULL;
}

/* A string member, or "". */
static inline const char *
js_text(struct json_object *o, const char *key)
{
	struct json_object *v = js_get(o, key, json_type_string);

	return v != NULL ? json_object_get_string(v) : "";
}

static inline bool
js_bool(struct json_object *o, const char *key)
{
	struct json_object *v = js_get(o, key, json_type_boolean);

	return v != NULL && json_object_get_boolean(v);
}

static inline int64_t
js_int(struct json_object *o, const char *key)
{
	struct json_object *v = js_get(o, key, json_type_int);

	return v != NULL ? json_object_get_int64(v) : 0;
}

/* Elements of an array member; 0 without one. */
static inline size_t
js_count(struct json_object *o, const char *key)
{
	struct json_object *v = js_get(o, key, json_type_array);

	return v != NULL ? json_object_array_length(v) : 0;
}

static inline struct json_object *
js_at(struct json_object *o, const char *key, size_t i)
{
	return json_object_array_get_idx(js_get(o, key, json_type_array), i);
}

#endif
