/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "mcp/method.h"

#include "mcp/legacy.h"
#include "mcp/modern.h"
#include "mcp/tools_call.h"
#include "mcp/tools_list.h"

static const struct method methods[] = {
	{ "initialize",       V2024_11_05, V2025_11_25, NULL,   legacy_initialize },
	{ "ping",             V2024_11_05, V2025_11_25, NULL,   legacy_ping },
	{ "logging/setLevel", V2024_11_05, V2025_11_25, NULL,   legacy_set_level },
	{ "server/discover",  V2026_07_28, V2026_07_28, NULL,   modern_discover },
	{ "tools/list",       V2024_11_05, V2026_07_28, NULL,   tools_list },
	{ "tools/call",       V2024_11_05, V2026_07_28, "name", tools_call },
};

/* What clients also send; nothing here is answered but by 202 or -32601. */
static const char *const others[] = {
	"notifications/initialized", "notifications/cancelled",
	"notifications/progress", "notifications/roots/list_changed",
	"resources/list", "resources/templates/list", "resources/read",
	"resources/subscribe", "resources/unsubscribe", "prompts/list",
	"prompts/get", "completion/complete", "subscriptions/listen",
};

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

const struct method *
method_find(struct span name, enum mcp_version v)
{
	for (size_t i = 0; i < COUNT(methods); i++)
		if (scan_is(name, methods[i].name))
			return v >= methods[i].since && v <= methods[i].until ?
			    &methods[i] : NULL;
	return NULL;
}

const char *
method_known(struct span name)
{
	for (size_t i = 0; i < COUNT(methods); i++)
		if (scan_is(name, methods[i].name))
			return methods[i].name;
	for (size_t i = 0; i < COUNT(others); i++)
		if (scan_is(name, others[i]))
			return others[i];
	return "";
}
