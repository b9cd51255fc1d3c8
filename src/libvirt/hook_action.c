// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What an operation of libvirt means to us, and under which name a domain's lease goes. libvirt
 * calls restore and migrate before prepare, with the XML of the image or of the other host; prepare
 * follows for the domain as it will be, and release follows prepare alone. So reserving there would
 * reserve twice, and leave pages behind when the restore fails between the two.
 */
#include "libvirt/hook.h"

#include <string.h>

#include "base/util.h"

static const struct {
	const char *op, *subop;
	enum gr_hook_action action;
} rows[] = {
	{ "prepare", "begin", GR_HOOK_PREPARE },  { "started", "begin", GR_HOOK_STARTED },
	{ "stopped", "end", GR_HOOK_END },	  { "release", "end", GR_HOOK_END },
	{ "reconnect", "begin", GR_HOOK_ADOPT },  { "attach", "begin", GR_HOOK_ADOPT },
};

enum gr_hook_action gr_hook_action(const char *op, const char *subop)
{
	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++) {
		if (!strcmp(rows[i].op, op) && !strcmp(rows[i].subop, subop))
			return rows[i].action;
	}
	return GR_HOOK_NOTHING;
}

static bool is_plain(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '-';
}

int gr_hook_lease_name(const char *name, const char *uuid, char ret[GR_LEASE_NAME_MAX + 1],
		       struct gr_error *err)
{
	static const char prefix[] = "domain.";
	size_t used = sizeof(prefix) - 1;
	bool fits = true;

	if (gr_lease_name_check(name, NULL) == 0) {
		snprintf(ret, GR_LEASE_NAME_MAX + 1, "%s", name);
		return 0;
	}
	snprintf(ret, GR_LEASE_NAME_MAX + 1, "%s", prefix);
	for (const unsigned char *c = (const unsigned char *)name; *c && fits; c++) {
		size_t room = GR_LEASE_NAME_MAX + 1 - used;
		int n = snprintf(ret + used, room, is_plain(*c) ? "%c" : "_%02x", *c);

		fits = n > 0 && (size_t)n < room;
		used += (size_t)n;
	}
	if (fits)
		return 0;
	if (!uuid || strlen(uuid) != 36 || uuid[strspn(uuid, "0123456789abcdefABCDEF-")])
		return gr_error_set(err, GR_CLASS_USAGE, ENAMETOOLONG,
				    "a domain with a name of %zu letters and no UUID",
				    strlen(name));
	snprintf(ret, GR_LEASE_NAME_MAX + 1, "%s%s", prefix, uuid);
	return 0;
}
