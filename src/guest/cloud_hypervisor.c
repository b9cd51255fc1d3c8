// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reading Cloud Hypervisor's options. Long options only, "--name value ..." or "--name=value";
 * several of them take more than one value. A value is "key=value,..." with lists in brackets,
 * whose commas we mask so that the splitter of QEMU's syntax serves here too. Sizes in plain
 * numbers are bytes.
 */
#include "guest/cloud_hypervisor.h"

#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "guest/argv.h"
#include "guest/qemu_opts.h"

#define ZONES_MAX 512
#define DEFAULT_BYTES (UINT64_C(512) << 20)
#define MASKED_COMMA '\x1f'

/* A size in bytes, if it is given. Return: 0 or -ENOMEM. */
static int read_size(struct gr_ch *ch, const struct gr_qemu_opts *opts, const char *what,
		     const char *key, uint64_t *value)
{
	int r = gr_qemu_bytes(&ch->notes, opts, what, key, 1, value);

	return r < 0 ? r : 0;
}

/* The keys that --memory and --memory-zone have in common. */
static int read_backing(struct gr_ch *ch, const struct gr_qemu_opts *opts, const char *what,
			struct gr_need *need, struct gr_ch_source *source)
{
	bool mergeable = false;
	uint64_t page = 0, hotplug = 0;
	const struct {
		const char *key;
		bool *value;
	} flags[] = {
		{ "shared", &need->shared },	   { "hugepages", &source->hugetlb },
		{ "prefault", &source->prefault }, { "reserve", &ch->reserve },
		{ "mergeable", &mergeable },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < GR_ARRAY_SIZE(flags); i++)
		r = gr_qemu_flag(&ch->notes, opts, what, flags[i].key, flags[i].value);
	if (r == 0)
		r = read_size(ch, opts, what, "hugepage_size", &page);
	if (r == 0)
		r = read_size(ch, opts, what, "hotplug_size", &hotplug);
	if (r < 0)
		return r;
	ch->request.ksm |= mergeable;
	ch->request.memory_hotplug |= hotplug != 0;
	need->page_size_bytes = source->hugetlb ? page : 0;
	if (!gr_qemu_opts_get(opts, "hugepage_size"))
		return 0;
	if (!source->hugetlb)
		return gr_note_fatal(&ch->notes, "GR410", "%s: hugepage_size needs hugepages=on",
				     what);
	if (page == 0 || (page & (page - 1)))
		return gr_note_fatal(&ch->notes, "GR411", "%s: hugepage_size=%s is no power of two",
				     what, gr_qemu_opts_get(opts, "hugepage_size"));
	return 0;
}

static int add_need(struct gr_ch *ch, struct gr_need **ret_need, struct gr_ch_source **ret_source)
{
	struct gr_need *need;

	if (gr_grow(&ch->sources, ch->request.need_count, sizeof(*ch->sources)) < 0 ||
	    gr_request_add(&ch->request, &need) < 0)
		return -ENOMEM;
	*ret_need = need;
	*ret_source = &ch->sources[ch->request.need_count - 1];
	**ret_source = (struct gr_ch_source){ 0 };
	return 0;
}

static int on_zone(struct gr_ch *ch, const struct gr_qemu_opts *opts)
{
	const char *id = gr_qemu_opts_get(opts, "id"), *file = gr_qemu_opts_get(opts, "file");
	const char *node = gr_qemu_opts_get(opts, "host_numa_node");
	struct gr_ch_source *source;
	struct gr_need *need;
	uint64_t number;
	char what[80];
	int r;

	if (!id)
		return gr_note_fatal(&ch->notes, "GR401", "a memory zone without id");
	for (size_t i = 0; i < ch->request.need_count; i++)
		if (strcmp(ch->request.needs[i].backend_id, id) == 0)
			return gr_note_fatal(&ch->notes, "GR403", "two memory zones are called %s",
					     id);
	if (ch->request.need_count >= ZONES_MAX)
		return gr_notes_has(&ch->notes, "GR413") ?
			       0 :
			       gr_note_fatal(&ch->notes, "GR413", "more than %d memory zones",
					     ZONES_MAX);
	snprintf(what, sizeof(what), "zone %s", id);
	r = add_need(ch, &need, &source);
	if (r < 0)
		return r;
	need->backend_id = strdup(id);
	source->file = file ? strdup(file) : NULL;
	if (!need->backend_id || (file && !source->file))
		return -ENOMEM;
	if (node && (gr_parse_u64(node, &number) < 0 || number > GR_LIST_ID_MAX))
		r = gr_note_fatal(&ch->notes, "GR410", "%s: host_numa_node=%s is no node", what,
				  node);
	else if (node)
		r = gr_list_add(&need->host_nodes, (unsigned int)number);
	if (need->host_nodes.count)
		need->policy = GR_POLICY_BIND;
	if (r == 0)
		r = read_size(ch, opts, what, "size", &need->memory_bytes);
	if (r == 0 && need->memory_bytes == 0)
		r = gr_note_fatal(&ch->notes, "GR402", "%s has no size", what);
	return r < 0 ? r : read_backing(ch, opts, what, need, source);
}

/* Zones of guest cells. They may stand behind --numa, so this runs last. */
static int on_numa(struct gr_ch *ch, const struct gr_qemu_opts *opts)
{
	const char *cell = gr_qemu_opts_get(opts, "guest_numa_id");
	const char *zones = gr_qemu_opts_get(opts, "memory_zones");
	uint64_t number;

	if (!cell || gr_parse_u64(cell, &number) < 0 || number > GR_LIST_ID_MAX)
		return gr_note_fatal(&ch->notes, "GR409", "--numa: guest_numa_id=%s is no number",
				     cell ? cell : "");
	while (zones && *zones) {
		size_t len = strcspn(zones, "[]\x1f"), i;

		for (i = 0; i < ch->request.need_count; i++)
			if (strlen(ch->request.needs[i].backend_id) == len &&
			    strncmp(ch->request.needs[i].backend_id, zones, len) == 0)
				break;
		if (i < ch->request.need_count)
			ch->request.needs[i].guest_cell = (int)number;
		else if (len &&
			 gr_note_fatal(&ch->notes, "GR404",
				       "--numa refers to memory zone %.*s, which is not there",
				       (int)len, zones) < 0)
			return -ENOMEM;
		zones += len + (zones[len] != '\0');
	}
	return 0;
}

static int on_traits(struct gr_ch *ch, const char *name, const struct gr_qemu_opts *opts)
{
	bool vhost_user = false;

	if (strcmp(name, "fs") == 0 || strcmp(name, "user-device") == 0 ||
	    strcmp(name, "generic-vhost-user") == 0)
		ch->request.shared = true;
	else if (strcmp(name, "device") == 0 || strcmp(name, "vdpa") == 0)
		ch->request.passthrough = true;
	else if (strcmp(name, "balloon") == 0)
		ch->request.balloon = true;
	else if (strcmp(name, "restore") == 0)
		ch->request.migration = true;
	else if (strcmp(name, "disk") == 0 || strcmp(name, "net") == 0)
		gr_qemu_opts_flag(opts, "vhost_user", &vhost_user);
	ch->request.shared |= vhost_user;
	return 0;
}

/* Size and what holds for all memory; the rest is read when it is known to be the only need. */
static int on_memory(struct gr_ch *ch, const struct gr_qemu_opts *opts)
{
	int r = gr_qemu_flag(&ch->notes, opts, "--memory", "thp", &ch->thp);

	if (r == 0)
		r = read_size(ch, opts, "--memory", "size", &ch->memory_bytes);
	if (r == 0 && ch->request.need_count && ch->memory_bytes && gr_qemu_opts_get(opts, "size"))
		r = gr_note_fatal(&ch->notes, "GR407",
				  "--memory size= has to be 0 where there are memory zones");
	return r;
}

/* @pass 0 collects zones, 1 all that needs to know them. */
static int read_value(struct gr_ch *ch, int pass, const char *name, const char *text)
{
	_cleanup_qemu_opts_ struct gr_qemu_opts opts = { 0 };
	_cleanup_free_ char *masked = strdup(text);
	struct gr_error err = { 0 };
	bool zone = strcmp(name, "memory-zone") == 0;
	int depth = 0, r;

	if (!masked)
		return -ENOMEM;
	if (zone != (pass == 0))
		return 0;
	for (char *p = masked; *p; p++) {
		depth += (*p == '[') - (*p == ']');
		if (*p == ',' && depth > 0)
			*p = MASKED_COMMA;
	}
	r = gr_qemu_opts_parse(masked, "", &opts, &err);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return gr_note_fatal(&ch->notes, "GR401", "--%s: %s", name, err.message);
	if (zone)
		return on_zone(ch, &opts);
	if (strcmp(name, "numa") == 0)
		return on_numa(ch, &opts);
	if (strcmp(name, "memory") != 0)
		return on_traits(ch, name, &opts);
	return on_memory(ch, &opts);
}

/* No zones: --memory, or its default, is the only need. */
static int need_of_memory(struct gr_ch *ch, const char *text)
{
	_cleanup_qemu_opts_ struct gr_qemu_opts opts = { 0 };
	struct gr_ch_source *source;
	struct gr_need *need;
	int r = gr_qemu_opts_parse(text ? text : "", "", &opts, NULL);

	if (r < 0)
		return r == -ENOMEM ? r : 0; /* noted already */
	r = add_need(ch, &need, &source);
	if (r < 0)
		return r;
	need->memory_bytes = ch->memory_bytes;
	if (need->memory_bytes == 0)
		r = gr_note_fatal(&ch->notes, "GR402", "--memory has no size");
	return r < 0 ? r : read_backing(ch, &opts, "--memory", need, source);
}

static int walk(struct gr_ch *ch, char *const *argv, int pass, const char **ret_memory)
{
	char name[32] = "";

	for (size_t i = 1; argv[i]; i++) {
		const char *text = argv[i];
		int r;

		if (text[0] == '-') {
			size_t len;

			text += strspn(text, "-");
			len = strcspn(text, "=");
			snprintf(name, sizeof(name), "%.*s", (int)gr_min_u64(len, 31), text);
			if (text[len] == '\0' && (!argv[i + 1] || argv[i + 1][0] == '-'))
				text = ""; /* a switch, or a default */
			else if (text[len] == '\0')
				continue;
			else
				text += len + 1;
		}
		if (strcmp(name, "memory") == 0)
			*ret_memory = text;
		r = *name ? read_value(ch, pass, name, text) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static const char *need_name(const struct gr_need *need)
{
	return need->backend_id ? need->backend_id : "--memory";
}

static int check_need(struct gr_ch *ch, size_t i)
{
	const struct gr_need *need = &ch->request.needs[i];
	const struct gr_ch_source *source = &ch->sources[i];
	const char *what = need_name(need);
	char size[GR_TEXT_MAX];
	int r = 0;

	gr_size_text(need->memory_bytes, size);
	if (source->hugetlb && !source->prefault && !ch->reserve)
		r = gr_note_warn(
			&ch->notes, "GR426",
			"%s (%s): its huge pages are neither reserved nor touched at start; where "
			"they are short the VM dies later by SIGBUS: reserve=on or prefault=on",
			what, size);
	if (r == 0 && ch->request.shared && !need->shared)
		r = gr_note_not_shared(&ch->notes, what, need->memory_bytes, "shared=on");
	if (r == 0 && ch->request.passthrough && !need->shared && source->hugetlb)
		r = gr_note_private_file(&ch->notes, what, need->memory_bytes, "shared=on");
	return r < 0 ? r :
		       gr_note_partial_page(&ch->notes, what, need->memory_bytes,
					    need->page_size_bytes);
}

bool gr_ch_is(const char *program)
{
	return program && strncmp(gr_argv_base(program), "cloud-hypervisor", 16) == 0;
}

int gr_ch_parse(char *const *argv, struct gr_ch *ret, struct gr_error *err)
{
	_cleanup_ch_ struct gr_ch ch = { .thp = true, .memory_bytes = DEFAULT_BYTES };
	const char *memory = NULL;
	int r = gr_argv_count(argv, NULL, err);

	if (r < 0)
		return r;
	r = walk(&ch, argv, 0, &memory);
	if (r == 0)
		r = walk(&ch, argv, 1, &memory);
	if (r == 0 && ch.request.need_count == 0)
		r = need_of_memory(&ch, memory);
	for (size_t i = 0; r == 0 && i < ch.request.need_count; i++)
		r = check_need(&ch, i);
	if (r < 0)
		return gr_error_nomem(err);
	*ret = ch;
	ch = (struct gr_ch){ 0 };
	return 0;
}

int gr_ch_default_page_size(struct gr_ch *ch, uint64_t bytes)
{
	for (size_t i = 0; i < ch->request.need_count; i++) {
		struct gr_need *need = &ch->request.needs[i];
		int r;

		if (!ch->sources[i].hugetlb || need->page_size_bytes)
			continue;
		need->page_size_bytes = bytes;
		r = gr_note_partial_page(&ch->notes, need_name(need), need->memory_bytes, bytes);
		if (r < 0)
			return r;
	}
	return 0;
}

void gr_ch_done(struct gr_ch *ch)
{
	for (size_t i = 0; i < ch->request.need_count; i++)
		free(ch->sources[i].file);
	free(ch->sources);
	gr_request_done(&ch->request);
	gr_notes_done(&ch->notes);
	*ch = (struct gr_ch){ 0 };
}
