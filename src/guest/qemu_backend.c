// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One memory-backend-* object: its keys, with the defaults and the refusals of QEMU's hostmem.c.
 * Every mistake becomes a note, and reading goes on, so that all mistakes are found in one run.
 */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "guest/qemu_private.h"

#define HOST_NODES_MAX 1024 /* the kernel's largest CONFIG_NODES_SHIFT */

static const char *const kinds[] = {
	[GR_QEMU_RAM] = "memory-backend-ram",	[GR_QEMU_MEMFD] = "memory-backend-memfd",
	[GR_QEMU_FILE] = "memory-backend-file", [GR_QEMU_SHM] = "memory-backend-shm",
	[GR_QEMU_EPC] = "memory-backend-epc",
};
_Static_assert(GR_ARRAY_SIZE(kinds) == GR_QEMU_KIND_COUNT, "a name per kind");

int gr_qemu_kind_parse(const char *qom_type)
{
	for (size_t i = 0; qom_type && i < GR_ARRAY_SIZE(kinds); i++)
		if (strcmp(qom_type, kinds[i]) == 0)
			return (int)i;
	return -ENOENT;
}

int gr_qemu_set_text(char **text, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*text);
	*text = copy;
	return 0;
}

static int parse_host_nodes(struct gr_qemu *qemu, struct gr_qemu_backend *backend,
			    const struct gr_qemu_opts *opts)
{
	for (size_t i = 0; i < opts->count; i++) {
		struct gr_list nodes = { 0 };
		int r;

		if (strcmp(opts->pairs[i].key, "host-nodes") != 0)
			continue;
		r = gr_list_parse(opts->pairs[i].value, &nodes, NULL);
		if (r == 0 && (nodes.count == 0 || nodes.ids[nodes.count - 1] >= HOST_NODES_MAX))
			r = -ERANGE;
		if (r == -EINVAL || r == -ERANGE) {
			gr_list_done(&nodes);
			return gr_note_fatal(&qemu->notes, "GR410",
					     "object %s: host-nodes=%s is no list of nodes",
					     backend->id, opts->pairs[i].value);
		}
		for (size_t k = 0; r == 0 && k < nodes.count; k++)
			r = gr_list_add(&backend->host_nodes, nodes.ids[k]);
		gr_list_done(&nodes);
		if (r < 0)
			return r;
	}
	return 0;
}

static int parse_placement(struct gr_qemu *qemu, struct gr_qemu_backend *backend,
			   const struct gr_qemu_opts *opts)
{
	const char *policy = gr_qemu_opts_get(opts, "policy");
	int r = parse_host_nodes(qemu, backend, opts);

	if (r < 0)
		return r;
	if (policy && gr_node_policy_parse(policy, &backend->policy, NULL) < 0)
		return gr_note_fatal(&qemu->notes, "GR410", "object %s: policy=%s is unknown",
				     backend->id, policy);
	if (backend->host_nodes.count && backend->policy == GR_POLICY_DEFAULT)
		return gr_note_fatal(&qemu->notes, "GR410",
				     "object %s: host-nodes needs a policy other than default",
				     backend->id);
	if (!backend->host_nodes.count && backend->policy != GR_POLICY_DEFAULT)
		return gr_note_fatal(&qemu->notes, "GR410", "object %s: policy=%s needs host-nodes",
				     backend->id, policy);
	return 0;
}

static int parse_huge(struct gr_qemu *qemu, struct gr_qemu_backend *backend, const char *what,
		      const struct gr_qemu_opts *opts)
{
	uint64_t size = 0;
	int r = gr_qemu_flag(&qemu->notes, opts, what, "hugetlb", &backend->hugetlb);

	if (r == 0)
		r = gr_qemu_bytes(&qemu->notes, opts, what, "hugetlbsize", 1, &size);
	if (r <= 0)
		return r;
	if (size == 0 || (size & (size - 1)))
		return gr_note_fatal(&qemu->notes, "GR411", "%s: hugetlbsize=%s is no power of two",
				     what, gr_qemu_opts_get(opts, "hugetlbsize"));
	backend->hugetlbsize_bytes = size;
	return 0;
}

static int parse_backend(struct gr_qemu *qemu, struct gr_qemu_backend *backend,
			 const struct gr_qemu_opts *opts)
{
	static const char *const data_flags[] = { "pmem", "readonly", "rom" };
	const char *path = gr_qemu_opts_get(opts, "mem-path");
	char what[64];
	int r;

	snprintf(what, sizeof(what), "object %s", backend->id);
	backend->share = backend->kind != GR_QEMU_RAM && backend->kind != GR_QEMU_FILE;
	if (path && gr_qemu_set_text(&backend->mem_path, path) < 0)
		return -ENOMEM;
	r = gr_qemu_bytes(&qemu->notes, opts, what, "size", 1, &backend->size_bytes);
	if (r >= 0 && backend->size_bytes == 0 && (r == 1 || !gr_qemu_opts_get(opts, "size")))
		r = gr_note_fatal(&qemu->notes, "GR402", "%s has no size", what);
	if (r >= 0)
		r = gr_qemu_flag(&qemu->notes, opts, what, "share", &backend->share);
	if (r >= 0)
		r = gr_qemu_flag(&qemu->notes, opts, what, "prealloc", &backend->prealloc);
	backend->prealloc_given = gr_qemu_opts_get(opts, "prealloc") != NULL;
	for (size_t i = 0; r >= 0 && i < GR_ARRAY_SIZE(data_flags); i++) {
		bool flag = false;

		/* rom= may also be "auto" in later versions */
		gr_qemu_opts_flag(opts, data_flags[i], &flag);
		backend->data |= flag;
	}
	if (gr_qemu_opts_get(opts, "offset"))
		backend->data = true;
	if (r >= 0 && backend->kind == GR_QEMU_MEMFD)
		r = parse_huge(qemu, backend, what, opts);
	if (r >= 0)
		r = parse_placement(qemu, backend, opts);
	if (r >= 0 && backend->kind == GR_QEMU_FILE && !path)
		r = gr_note_fatal(&qemu->notes, "GR410", "%s: mem-path is missing", what);
	return r < 0 ? r : 0;
}

/* Objects share one name space, whatever their type. Return: 1 if the name is new, 0 or -ENOMEM. */
static int add_id(struct gr_qemu *qemu, const char *id)
{
	char *copy;

	for (size_t i = 0; i < qemu->object_id_count; i++)
		if (strcmp(qemu->object_ids[i], id) == 0)
			return gr_note_fatal(&qemu->notes, "GR403", "two objects are called %s",
					     id);
	if (gr_grow(&qemu->object_ids, qemu->object_id_count, sizeof(char *)) < 0)
		return -ENOMEM;
	copy = strdup(id);
	if (!copy)
		return -ENOMEM;
	qemu->object_ids[qemu->object_id_count++] = copy;
	return 1;
}

int gr_qemu_add_object(struct gr_qemu *qemu, const struct gr_qemu_opts *opts, size_t word)
{
	const char *id = gr_qemu_opts_get(opts, "id");
	int kind = gr_qemu_kind_parse(gr_qemu_opts_get(opts, "qom-type")), r;
	struct gr_qemu_backend *backend;

	if (!id || !*id)
		return kind < 0 ? 0 :
				  gr_note_fatal(&qemu->notes, "GR401",
						"a memory-backend object without id");
	if (qemu->object_id_count >= GR_QEMU_ITEMS_MAX)
		return gr_notes_has(&qemu->notes, "GR413") ?
			       0 :
			       gr_note_fatal(&qemu->notes, "GR413", "more than %d objects",
					     GR_QEMU_ITEMS_MAX);
	r = add_id(qemu, id);
	if (r <= 0 || kind < 0)
		return r < 0 ? r : 0;
	if (gr_grow(&qemu->backends, qemu->backend_count, sizeof(*qemu->backends)) < 0)
		return -ENOMEM;
	backend = &qemu->backends[qemu->backend_count];
	*backend = (struct gr_qemu_backend){ .kind = (enum gr_qemu_kind)kind, .word = word };
	if (gr_qemu_set_text(&backend->id, id) < 0)
		return -ENOMEM;
	qemu->backend_count++;
	return parse_backend(qemu, backend, opts);
}
