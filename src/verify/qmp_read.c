// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Answers into facts. Nothing is trusted: every key is looked up with its type, lists are bounded,
 * and a number that does not fit is no number.
 */
#include "verify/qmp_read.h"

#include <inttypes.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "verify/align.h"

#define LIST_MAX 512 /* memory devices, statistics */
#define NODE_MAX 4095
#define SLOT_MIN_BYTES GR_MIB /* smaller pieces are firmware's */

/* The value of a key of that type, or NULL. */
static json_object *get(json_object *obj, const char *key, json_type type)
{
	json_object *value;

	if (!json_object_is_type(obj, json_type_object) ||
	    !json_object_object_get_ex(obj, key, &value) || !json_object_is_type(value, type))
		return NULL;
	return value;
}

static int get_u64(json_object *obj, const char *key, uint64_t *ret)
{
	json_object *value = get(obj, key, json_type_int);

	if (!value || json_object_get_int64(value) < 0)
		return -EBADMSG;
	*ret = json_object_get_uint64(value);
	return 0;
}

static bool get_bool(json_object *obj, const char *key)
{
	return json_object_get_boolean(get(obj, key, json_type_boolean));
}

static const char *get_text(json_object *obj, const char *key)
{
	json_object *value = get(obj, key, json_type_string);

	return value ? json_object_get_string(value) : NULL;
}

/* @text may be NULL, and then so is the copy. */
static int copy_text(const char *text, char **ret)
{
	char *copy = text ? strndup(text, 1024) : NULL;

	if (text && !copy)
		return -ENOMEM;
	free(*ret);
	*ret = copy;
	return 0;
}

int gr_qmp_take_version(json_object *value, struct gr_qmp_facts *facts)
{
	json_object *qemu = get(get(value, "version", json_type_object), "qemu", json_type_object);
	uint64_t major, minor;

	if (get_u64(qemu, "major", &major) < 0 || get_u64(qemu, "minor", &minor) < 0 ||
	    major > 1000 || minor > 1000)
		return -EBADMSG;
	facts->major = (unsigned int)major;
	facts->minor = (unsigned int)minor;
	return 0;
}

int gr_qmp_take_name(json_object *value, struct gr_qmp_facts *facts)
{
	if (!json_object_is_type(value, json_type_object))
		return -EBADMSG;
	return copy_text(get_text(value, "name"), &facts->name);
}

int gr_qmp_take_kvm(json_object *value, struct gr_qmp_facts *facts)
{
	if (!get(value, "enabled", json_type_boolean))
		return -EBADMSG;
	facts->kvm = get_bool(value, "enabled") ? GR_TOLD_YES : GR_TOLD_NO;
	return 0;
}

/* One provider's list of {name, value}. */
static unsigned int take_counts(json_object *stats, struct gr_stage2 *stage2)
{
	const struct {
		const char *name;
		uint64_t *value;
	} wanted[] = {
		{ "pages_4k", &stage2->pages_4k },
		{ "pages_2m", &stage2->pages_2m },
		{ "pages_1g", &stage2->pages_1g },
		{ "nx_lpage_splits", &stage2->nx_splits },
	};
	size_t count = gr_min_u64(json_object_array_length(stats), LIST_MAX);
	unsigned int found = 0;

	for (size_t i = 0; i < count; i++) {
		json_object *stat = json_object_array_get_idx(stats, i);
		const char *name = get_text(stat, "name");

		for (size_t k = 0; name && k < GR_ARRAY_SIZE(wanted); k++) {
			if (!strcmp(name, wanted[k].name) &&
			    get_u64(stat, "value", wanted[k].value) == 0)
				found |= 1u << k;
		}
	}
	return found;
}

int gr_qmp_take_stats(json_object *value, struct gr_qmp_facts *facts)
{
	struct gr_stage2 stage2 = { .source = GR_STAGE2_QMP };
	unsigned int found = 0;

	if (!json_object_is_type(value, json_type_array))
		return -EBADMSG;
	for (size_t i = 0; i < gr_min_u64(json_object_array_length(value), LIST_MAX); i++) {
		json_object *item = json_object_array_get_idx(value, i);
		json_object *stats = get(item, "stats", json_type_array);
		const char *provider = get_text(item, "provider");

		if (stats && provider && !strcmp(provider, "kvm"))
			found |= take_counts(stats, &stage2);
	}
	facts->stats_error = -ENODATA;
	if ((found & 7) != 7)
		return 0;
	facts->stats_error = 0;
	stage2.splits_known = found & 8;
	stage2.known = stage2.pages_4k || stage2.pages_2m || stage2.pages_1g;
	facts->stage2 = stage2;
	return 0;
}

static int take_nodes(json_object *array, struct gr_list *ret)
{
	int r = 0;

	for (size_t i = 0; array && i < json_object_array_length(array) && r == 0; i++) {
		json_object *node = json_object_array_get_idx(array, i);
		int64_t id = json_object_get_int64(node);

		if (!json_object_is_type(node, json_type_int) || id < 0 || id > NODE_MAX)
			return -EBADMSG;
		r = gr_list_add(ret, (unsigned int)id);
	}
	return r;
}

static int take_memdev(json_object *item, struct gr_qmp_facts *facts)
{
	struct gr_qmp_memdev *memdev;
	uint64_t bytes;
	int r = get_u64(item, "size", &bytes);

	if (r < 0)
		return r;
	if (gr_grow(&facts->memdevs, facts->memdev_count, sizeof(*memdev)) < 0)
		return -ENOMEM;
	memdev = &facts->memdevs[facts->memdev_count++];
	memdev->size_bytes = bytes;
	memdev->share = get_bool(item, "share");
	memdev->prealloc = get_bool(item, "prealloc");
	r = copy_text(get_text(item, "id"), &memdev->id);
	if (r == 0)
		r = copy_text(get_text(item, "policy"), &memdev->policy);
	if (r == 0)
		r = take_nodes(get(item, "host-nodes", json_type_array), &memdev->host_nodes);
	return r;
}

int gr_qmp_take_memdevs(json_object *value, struct gr_qmp_facts *facts)
{
	int r = 0;

	if (!json_object_is_type(value, json_type_array) ||
	    json_object_array_length(value) > LIST_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < json_object_array_length(value) && r == 0; i++)
		r = take_memdev(json_object_array_get_idx(value, i), facts);
	return r;
}

int gr_qmp_take_migration(json_object *value, struct gr_qmp_facts *facts)
{
	static const char *const logging[] = { "setup",	 "active",	    "pre-switchover",
					       "device", "postcopy-active", "colo" };
	const char *status = get_text(value, "status");

	if (!json_object_is_type(value, json_type_object))
		return -EBADMSG;
	if (facts->dirty_log == GR_NOT_TOLD)
		facts->dirty_log = GR_TOLD_NO;
	for (size_t i = 0; status && i < GR_ARRAY_SIZE(logging); i++) {
		if (strcmp(status, logging[i]) != 0)
			continue;
		facts->dirty_log = GR_TOLD_YES;
		snprintf(facts->why_dirty, sizeof(facts->why_dirty), "migration is %s", logging[i]);
	}
	return 0;
}

int gr_qmp_take_dirty_rate(json_object *value, struct gr_qmp_facts *facts)
{
	const char *status = get_text(value, "status"), *mode = get_text(value, "mode");

	if (!status)
		return -EBADMSG;
	/* The default mode samples pages and needs no log. */
	if (strcmp(status, "measuring") || !mode || !strcmp(mode, "page-sampling"))
		return 0;
	facts->dirty_log = GR_TOLD_YES;
	snprintf(facts->why_dirty, sizeof(facts->why_dirty), "a dirty rate is measured");
	return 0;
}

/* "  0000000000100000-00000000bfffffff (prio 0, ram): pc.ram @0000000000100000 KVM". */
static bool read_range(const char *line, struct gr_slot *ret)
{
	uint64_t start, last;
	int priority, end = 0;

	if (sscanf(line, " %16" SCNx64 "-%16" SCNx64 " (prio %d, ram)%n", &start, &last, &priority,
		   &end) != 3 ||
	    !end || last < start || last - start >= UINT64_MAX - 1)
		return false;
	*ret = (struct gr_slot){ .guest = start, .size_bytes = last - start + 1 };
	return true;
}

int gr_qmp_take_mtree(json_object *value, struct gr_slot *ret)
{
	_cleanup_free_ char *text = NULL;
	bool inside = false, seen = false;
	char *cursor, *line;
	int n = 0;

	if (!json_object_is_type(value, json_type_string))
		return -EBADMSG;
	text = strdup(json_object_get_string(value));
	if (!text)
		return -ENOMEM;
	cursor = text;
	while ((line = gr_next_line(&cursor))) {
		if (!strncmp(line, "FlatView", 8)) {
			inside = false;
		} else if (strstr(line, "AS \"memory\",")) {
			seen = true;
			inside = true;
		} else if (inside && n < GR_SLOTS_MAX && read_range(line, &ret[n]) &&
			   ret[n].size_bytes >= SLOT_MIN_BYTES) {
			n++;
		}
	}
	return seen ? n : -EBADMSG;
}

int gr_qmp_take_host(json_object *value, uint64_t *ret)
{
	const char *at = json_object_is_type(value, json_type_string) ?
				 strstr(json_object_get_string(value), ") is 0x") :
				 NULL;
	uint64_t host;

	if (!at || sscanf(at + 7, "%16" SCNx64, &host) != 1)
		return -EBADMSG;
	*ret = host;
	return 0;
}
