// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reading a QEMU command line: one walk over the words, one row of a table per option that has to
 * do with memory or with what the VM does to it. The walk only collects; what it means together
 * (which object is whose, do the sizes agree) is decided in qemu_needs.c when everything is known,
 * since QEMU lets the options come in any order. Options that only say what the VM is like are read
 * in qemu_traits.c.
 */
#include "guest/qemu_argv.h"

#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "guest/qemu_opts.h"
#include "guest/qemu_private.h"

/* QEMU rounds the size of -m up to this. */
#define RAM_ALIGN 8192

static uint64_t align_ram(uint64_t bytes)
{
	uint64_t up;

	return __builtin_add_overflow(bytes, RAM_ALIGN - 1, &up) ? bytes :
								   up & ~(uint64_t)(RAM_ALIGN - 1);
}

static int on_m(struct gr_qemu *qemu, const struct gr_qemu_word *word,
		const struct gr_qemu_opts *opts)
{
	const char *slots = gr_qemu_opts_get(opts, "slots");
	uint64_t size;
	int r = gr_qemu_bytes(&qemu->notes, opts, "-m", "size", GR_MIB, &size);

	(void)word;
	if (r < 0)
		return r;
	if (r == 1) {
		/* "-m 0" means the default, as it always did */
		qemu->memory_given = size != 0;
		qemu->memory_bytes = size ? align_ram(size) : GR_QEMU_DEFAULT_BYTES;
		qemu->memory_from_machine = false;
	}
	if (slots && strcmp(slots, "0") != 0)
		qemu->request.memory_hotplug = true;
	r = gr_qemu_bytes(&qemu->notes, opts, "-m", "maxmem", 1, &qemu->max_memory_bytes);
	return r < 0 ? r : 0;
}

static int on_machine(struct gr_qemu *qemu, const struct gr_qemu_word *word,
		      const struct gr_qemu_opts *opts)
{
	const char *type = gr_qemu_opts_get(opts, "type");
	const char *backend = gr_qemu_opts_get(opts, "memory-backend");
	const char *accel = gr_qemu_opts_get(opts, "accel");
	bool merge = false;
	uint64_t size;
	int r = 0;

	(void)word;
	if (type)
		r = gr_qemu_set_text(&qemu->machine, type);
	if (r == 0 && backend)
		r = gr_qemu_set_text(&qemu->memory_backend, backend);
	if (r == 0 && accel)
		r = gr_qemu_set_text(&qemu->accel, accel);
	if (r < 0)
		return r;
	if (qemu->accel && accel)
		qemu->accel[strcspn(qemu->accel, ":")] = '\0';
	/* Merging is the default of QEMU, so only who says it wants it. */
	if (gr_qemu_opts_flag(opts, "mem-merge", &merge) == 1)
		qemu->request.ksm = merge;
	if (gr_qemu_opts_get(opts, "confidential-guest-support") ||
	    gr_qemu_opts_get(opts, "memory-encryption"))
		qemu->request.locked = true;
	r = gr_qemu_bytes(&qemu->notes, opts, "-machine", "memory.size", 1, &size);
	if (r == 1 && size && (!qemu->memory_given || qemu->memory_from_machine)) {
		qemu->memory_bytes = align_ram(size);
		qemu->memory_given = qemu->memory_from_machine = true;
	}
	if (r >= 0)
		r = gr_qemu_bytes(&qemu->notes, opts, "-machine", "memory.max-size", 1,
				  &qemu->max_memory_bytes);
	return r < 0 ? r : 0;
}

static int on_object(struct gr_qemu *qemu, const struct gr_qemu_word *word,
		     const struct gr_qemu_opts *opts)
{
	return gr_qemu_add_object(qemu, opts, word->arg_at);
}

static int add_cell(struct gr_qemu *qemu, const struct gr_qemu_word *word,
		    const struct gr_qemu_opts *opts)
{
	const char *id = gr_qemu_opts_get(opts, "nodeid");
	const char *memdev = gr_qemu_opts_get(opts, "memdev");
	uint64_t number = qemu->cell_count;
	struct gr_qemu_cell *cell;
	int r;

	if (id && gr_parse_u64(id, &number) < 0)
		return gr_note_fatal(&qemu->notes, "GR409", "-numa node: nodeid=%s is no number",
				     id);
	/* MAX_NODES of QEMU */
	if (number >= 128 || qemu->cell_count >= 128)
		return gr_note_fatal(&qemu->notes, "GR409", "-numa node: more than 128 cells");
	for (size_t i = 0; i < qemu->cell_count; i++)
		if (qemu->cells[i].id == number)
			return gr_note_fatal(&qemu->notes, "GR409",
					     "-numa: cell %u stands there twice",
					     (unsigned int)number);
	if (gr_grow(&qemu->cells, qemu->cell_count, sizeof(*qemu->cells)) < 0)
		return -ENOMEM;
	cell = &qemu->cells[qemu->cell_count++];
	*cell = (struct gr_qemu_cell){ .id = (unsigned int)number, .word = word->arg_at };
	if (memdev && gr_qemu_set_text(&cell->memdev, memdev) < 0)
		return -ENOMEM;
	r = gr_qemu_bytes(&qemu->notes, opts, "-numa node", "mem", GR_MIB, &cell->mem_bytes);
	cell->has_mem = r == 1;
	return r < 0 ? r : 0;
}

static int on_numa(struct gr_qemu *qemu, const struct gr_qemu_word *word,
		   const struct gr_qemu_opts *opts)
{
	const char *type = gr_qemu_opts_get(opts, "type");

	return type && strcmp(type, "node") == 0 ? add_cell(qemu, word, opts) : 0;
}

/* Options that are a word and no more; @opts is NULL. */
static int on_plain(struct gr_qemu *qemu, const struct gr_qemu_word *word,
		    const struct gr_qemu_opts *opts)
{
	const char *name = word->name;

	(void)opts;
	if (strcmp(name, "mem-path") == 0)
		return gr_qemu_set_text(&qemu->mem_path, word->arg);
	if (strcmp(name, "pidfile") == 0)
		return gr_qemu_set_text(&qemu->pidfile, word->arg);
	if (strcmp(name, "enable-kvm") == 0)
		return gr_qemu_set_text(&qemu->accel, "kvm");
	if (strcmp(name, "mem-prealloc") == 0)
		qemu->mem_prealloc = true;
	else if (strcmp(name, "daemonize") == 0)
		qemu->daemonize = true;
	else if (strcmp(name, "incoming") == 0)
		qemu->incoming = qemu->request.migration = true;
	else if (strcmp(name, "only-migratable") == 0)
		qemu->request.migration = true;
	else
		qemu->unknown_config = true;
	return 0;
}

static const struct option {
	const char *name;
	const char *implied; /* key of the first value; NULL: none */
	bool plain;	     /* the argument is no list of keys */
	gr_qemu_reader *read;
} options[] = {
	{ "m", "size", false, on_m },
	{ "machine", "type", false, on_machine },
	{ "M", "type", false, on_machine },
	{ "accel", "accel", false, gr_qemu_on_accel },
	{ "smp", "cpus", false, gr_qemu_on_smp },
	{ "object", "qom-type", false, on_object },
	{ "numa", "type", false, on_numa },
	{ "device", "driver", false, gr_qemu_on_device },
	{ "netdev", "type", false, gr_qemu_on_net },
	{ "nic", "type", false, gr_qemu_on_net },
	{ "net", "type", false, gr_qemu_on_net },
	{ "name", "guest", false, gr_qemu_on_name },
	{ "overcommit", NULL, false, gr_qemu_on_lock },
	{ "realtime", NULL, false, gr_qemu_on_lock },
	{ "mem-path", NULL, true, on_plain },
	{ "mem-prealloc", NULL, true, on_plain },
	{ "pidfile", NULL, true, on_plain },
	{ "daemonize", NULL, true, on_plain },
	{ "enable-kvm", NULL, true, on_plain },
	{ "incoming", NULL, true, on_plain },
	{ "only-migratable", NULL, true, on_plain },
	{ "readconfig", NULL, true, on_plain },
	{ "set", NULL, true, on_plain },
	{ "preconfig", NULL, true, on_plain },
};

static int read_word(struct gr_qemu *qemu, const struct gr_qemu_word *word)
{
	const struct option *option = NULL;
	_cleanup_qemu_opts_ struct gr_qemu_opts opts = { 0 };
	struct gr_error err = { 0 };
	int r;

	if (!word->name)
		return 0;
	if (word->arg_missing)
		return gr_note_fatal(&qemu->notes, "GR401", "-%s needs an argument", word->name);
	for (size_t i = 0; i < GR_ARRAY_SIZE(options) && !option; i++)
		if (strcmp(options[i].name, word->name) == 0)
			option = &options[i];
	if (!option)
		return 0;
	if (option->plain)
		return option->read(qemu, word, NULL);
	r = gr_qemu_opts_parse(word->arg, option->implied, &opts, &err);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return gr_note_fatal(&qemu->notes, "GR401", "-%s: %s", word->name, err.message);
	return option->read(qemu, word, &opts);
}

bool gr_qemu_is(const char *program)
{
	const char *base = program ? gr_argv_base(program) : "";

	return strncmp(base, "qemu-system-", 12) == 0 || strcmp(base, "qemu-kvm") == 0 ||
	       strcmp(base, "kvm") == 0;
}

int gr_qemu_parse(char *const *argv, struct gr_qemu **ret, struct gr_error *err)
{
	_cleanup_qemu_ struct gr_qemu *qemu = NULL;
	struct gr_qemu_word word;
	size_t argc = 0, at = 1;
	int r = gr_argv_count(argv, &argc, err);

	if (r < 0)
		return r;
	qemu = calloc(1, sizeof(*qemu));
	if (!qemu)
		return gr_error_nomem(err);
	qemu->argc = argc;
	qemu->vcpus = 1;
	qemu->memory_bytes = GR_QEMU_DEFAULT_BYTES;
	r = gr_argv_copy(argv, &qemu->argv);
	while (r == 0 && gr_qemu_next_word(qemu->argv, &at, &word))
		r = read_word(qemu, &word);
	if (r == 0)
		r = gr_qemu_make_needs(qemu);
	if (r < 0)
		return gr_error_nomem(err);
	*ret = gr_steal_ptr(qemu);
	return 0;
}

static void free_items(struct gr_qemu *qemu)
{
	for (size_t i = 0; i < qemu->backend_count; i++) {
		free(qemu->backends[i].id);
		free(qemu->backends[i].mem_path);
		gr_list_done(&qemu->backends[i].host_nodes);
	}
	for (size_t i = 0; i < qemu->cell_count; i++)
		free(qemu->cells[i].memdev);
	for (size_t i = 0; i < qemu->device_count; i++) {
		free(qemu->devices[i].driver);
		free(qemu->devices[i].memdev);
	}
	for (size_t i = 0; i < qemu->object_id_count; i++)
		free(qemu->object_ids[i]);
	free(qemu->backends);
	free(qemu->cells);
	free(qemu->devices);
	free(qemu->object_ids);
}

void gr_qemu_free(struct gr_qemu *qemu)
{
	if (!qemu)
		return;
	free_items(qemu);
	gr_request_done(&qemu->request);
	gr_notes_done(&qemu->notes);
	gr_argv_free(qemu->argv);
	free(qemu->sources);
	free(qemu->machine);
	free(qemu->accel);
	free(qemu->pidfile);
	free(qemu->mem_path);
	free(qemu->memory_backend);
	free(qemu);
}
