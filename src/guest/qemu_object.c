// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The text of a memory-backend object, new or made from the user's: keys about where pages come
 * from are ours, all others (id, size, dump, merge, x-...) stay as they were written. JSON stays
 * JSON. RAM that we hold is a memory-backend-file on /proc/self/fd/N, which QEMU opens and keeps.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "guest/qemu_private.h"

/* Keys that say where pages come from. */
static const char *const replaced_keys[] = {
	"qom-type",   "mem-path", "share",   "prealloc",    "prealloc-threads",
	"host-nodes", "policy",	  "hugetlb", "hugetlbsize", "seal",
	"align",      "reserve",  "pmem",    "readonly",    "rom",
	"offset",
};

static bool is_replaced(const char *key, bool file)
{
	for (size_t i = 0; i < GR_ARRAY_SIZE(replaced_keys); i++)
		if (strcmp(key, replaced_keys[i]) == 0)
			return true;
	/* A context is for the threads that QEMU populates with; only files can discard. */
	return strcmp(key, file ? "prealloc-context" : "discard-data") == 0;
}

static const char *type_of(const struct gr_qemu_backing *backing)
{
	if (backing->fd >= 0)
		return "memory-backend-file";
	/* Another process can map it only if it has a file descriptor. */
	return backing->share ? "memory-backend-memfd" : "memory-backend-ram";
}

static const char *policy_of(const struct gr_qemu_backing *backing)
{
	return gr_node_policy_name(backing->policy == GR_POLICY_DEFAULT ? GR_POLICY_BIND :
									  backing->policy);
}

static void write_ours(FILE *out, const struct gr_qemu_backing *backing,
		       const struct gr_list *nodes)
{
	if (backing->fd >= 0)
		fprintf(out, ",mem-path=/proc/self/fd/%d", backing->fd);
	fprintf(out, ",share=%s,prealloc=%s", backing->share ? "on" : "off",
		backing->prealloc ? "on" : "off");
	if (backing->prealloc && backing->prealloc_threads)
		fprintf(out, ",prealloc-threads=%u", backing->prealloc_threads);
	for (size_t i = 0; i < nodes->count; i++)
		fprintf(out, ",host-nodes=%u", nodes->ids[i]);
	if (nodes->count)
		fprintf(out, ",policy=%s", policy_of(backing));
}

static int finish(FILE *out, char **text, char **ret)
{
	bool lost = ferror(out);

	if (fclose(out) != 0 || lost) {
		free(*text);
		return -ENOMEM;
	}
	*ret = *text;
	return 0;
}

int gr_qemu_object_new(const char *id, uint64_t bytes, const struct gr_qemu_backing *backing,
		       const struct gr_list *nodes, char **ret)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return -ENOMEM;
	fprintf(out, "%s,id=%s,size=%llu", type_of(backing), id, (unsigned long long)bytes);
	write_ours(out, backing, nodes);
	return finish(out, &text, ret);
}

static int object_from_pairs(const char *from, const struct gr_qemu_backing *backing,
			     const struct gr_list *nodes, char **ret)
{
	_cleanup_qemu_opts_ struct gr_qemu_opts opts = { 0 };
	char *text = NULL;
	size_t length;
	FILE *out;
	int r = gr_qemu_opts_parse(from, "qom-type", &opts, NULL);

	if (r < 0)
		return r;
	out = open_memstream(&text, &length);
	if (!out)
		return -ENOMEM;
	fputs(type_of(backing), out);
	for (size_t i = 0; i < opts.count; i++) {
		const struct gr_qemu_pair *pair = &opts.pairs[i];

		if (pair->raw_len && !is_replaced(pair->key, backing->fd >= 0))
			fprintf(out, ",%.*s", (int)pair->raw_len, pair->raw);
	}
	write_ours(out, backing, nodes);
	return finish(out, &text, ret);
}

/* Adds @value, which may be NULL for "no memory". */
static bool put(json_object *doc, const char *key, json_object *value)
{
	if (value && json_object_object_add(doc, key, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

static json_object *json_nodes(const struct gr_list *nodes)
{
	json_object *array = json_object_new_array();

	for (size_t i = 0; array && i < nodes->count; i++) {
		json_object *id = json_object_new_int64(nodes->ids[i]);

		if (!id || json_object_array_add(array, id) < 0) {
			json_object_put(id);
			json_object_put(array);
			return NULL;
		}
	}
	return array;
}

static bool put_ours(json_object *doc, const struct gr_qemu_backing *backing,
		     const struct gr_list *nodes)
{
	char path[32];
	bool ok = put(doc, "qom-type", json_object_new_string(type_of(backing)));

	snprintf(path, sizeof(path), "/proc/self/fd/%d", backing->fd);
	if (backing->fd >= 0)
		ok = ok && put(doc, "mem-path", json_object_new_string(path));
	ok = ok && put(doc, "share", json_object_new_boolean(backing->share));
	ok = ok && put(doc, "prealloc", json_object_new_boolean(backing->prealloc));
	if (backing->prealloc && backing->prealloc_threads)
		ok = ok &&
		     put(doc, "prealloc-threads", json_object_new_int64(backing->prealloc_threads));
	if (nodes->count)
		ok = ok && put(doc, "host-nodes", json_nodes(nodes)) &&
		     put(doc, "policy", json_object_new_string(policy_of(backing)));
	return ok;
}

static int object_from_json(const char *from, const struct gr_qemu_backing *backing,
			    const struct gr_list *nodes, char **ret)
{
	json_object *doc;
	const char *text = NULL;
	char *copy;
	int r = gr_qemu_json(from, &doc, NULL);

	if (r < 0)
		return r;
	for (size_t i = 0; i < GR_ARRAY_SIZE(replaced_keys); i++)
		json_object_object_del(doc, replaced_keys[i]);
	json_object_object_del(doc, backing->fd >= 0 ? "prealloc-context" : "discard-data");
	if (put_ours(doc, backing, nodes))
		text = json_object_to_json_string_ext(doc, JSON_C_TO_STRING_PLAIN |
								   JSON_C_TO_STRING_NOSLASHESCAPE);
	copy = text ? strdup(text) : NULL;
	json_object_put(doc);
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}

int gr_qemu_object_change(const char *from, const struct gr_qemu_backing *backing,
			  const struct gr_list *nodes, char **ret)
{
	return (*from == '{' ? object_from_json : object_from_pairs)(from, backing, nodes, ret);
}
