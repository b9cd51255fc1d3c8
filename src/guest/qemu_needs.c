// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a collected command line comes to: which object serves whom, then one need per piece of
 * RAM, with the checks that QEMU makes (the RAM of -m is the sum of the cells or the size of the
 * machine's object) and those that it does not make but that hurt later (private memory beside
 * vhost-user or VFIO, an object that takes pages for nobody).
 */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "guest/qemu_private.h"

/* Unit in which QEMU up to 5.0 shared RAM out to cells that named none. */
#define SHARE_OUT_UNIT (UINT64_C(8) << 20)

static int find_backend(const struct gr_qemu *qemu, const char *id)
{
	for (size_t i = 0; i < qemu->backend_count; i++)
		if (strcmp(qemu->backends[i].id, id) == 0)
			return (int)i;
	return -1;
}

/* Record that @what refers to object @id. Return: index, -1 with a note, or -ENOMEM. */
static int claim(struct gr_qemu *qemu, const char *id, const char *what, enum gr_qemu_use use)
{
	int i = find_backend(qemu, id), r;

	if (i < 0)
		r = gr_note_fatal(&qemu->notes, "GR404",
				  "%s refers to object %s, which is not there", what, id);
	else if (qemu->backends[i].use != GR_QEMU_UNUSED)
		r = gr_note_fatal(&qemu->notes, "GR408", "object %s is used twice (by %s as well)",
				  id, what);
	else if (qemu->backends[i].data && use != GR_QEMU_OTHER)
		r = gr_note_fatal(&qemu->notes, "GR412",
				  "object %s holds data of its own (pmem, read-only or an offset): "
				  "guestram cannot take its place",
				  id);
	else {
		qemu->backends[i].use = use;
		return i;
	}
	return r < 0 ? r : -1;
}

static int add_need(struct gr_qemu *qemu, int guest_cell, uint64_t bytes, int backend, int cell)
{
	const struct gr_qemu_backend *b = backend >= 0 ? &qemu->backends[backend] : NULL;
	struct gr_qemu_source *source;
	struct gr_need *need;

	if (gr_grow(&qemu->sources, qemu->request.need_count, sizeof(*qemu->sources)) < 0 ||
	    gr_request_add(&qemu->request, &need) < 0)
		return -ENOMEM;
	source = &qemu->sources[qemu->request.need_count - 1];
	*source = (struct gr_qemu_source){ .backend = backend, .cell = cell };
	source->mem_path = b ? b->mem_path : qemu->mem_path;
	need->guest_cell = guest_cell;
	need->memory_bytes = bytes;
	if (!b)
		return 0;
	need->shared = b->share;
	need->policy = b->policy;
	if (b->kind == GR_QEMU_MEMFD && b->hugetlb) {
		need->page_size_bytes = b->hugetlbsize_bytes;
		source->hugetlb = b->hugetlbsize_bytes == 0;
	}
	if (gr_list_copy(&b->host_nodes, &need->host_nodes) < 0)
		return -ENOMEM;
	return gr_qemu_set_text(&need->backend_id, b->id);
}

static int compare_cells(const void *a, const void *b)
{
	const struct gr_qemu_cell *left = a, *right = b;

	return left->id < right->id ? -1 : left->id > right->id;
}

static int check_sum(struct gr_qemu *qemu, uint64_t sum, const char *of)
{
	char ram[GR_TEXT_MAX], got[GR_TEXT_MAX];

	if (sum == qemu->memory_bytes)
		return 0;
	return gr_note_fatal(&qemu->notes, "GR405", "%s %s, but %s %s", of, gr_size_text(sum, got),
			     qemu->memory_given ? "-m says" : "without -m QEMU takes",
			     gr_size_text(qemu->memory_bytes, ram));
}

static int needs_of_memdevs(struct gr_qemu *qemu)
{
	uint64_t sum = 0;
	int r;

	for (size_t i = 0; i < qemu->cell_count; i++) {
		const struct gr_qemu_cell *cell = &qemu->cells[i];
		char what[32];
		int backend;

		if (!cell->memdev)
			continue; /* a cell of CPUs only */
		snprintf(what, sizeof(what), "cell %u", cell->id);
		backend = claim(qemu, cell->memdev, what, GR_QEMU_CELL);
		if (backend == -ENOMEM)
			return backend;
		if (backend < 0)
			continue;
		if (__builtin_add_overflow(sum, qemu->backends[backend].size_bytes, &sum))
			sum = UINT64_MAX;
		r = add_need(qemu, (int)cell->id, qemu->backends[backend].size_bytes, backend,
			     (int)i);
		if (r < 0)
			return r;
	}
	/* With an object missing the sum says nothing. */
	return gr_notes_error(&qemu->notes, NULL) < 0 ? 0 : check_sum(qemu, sum, "the cells have");
}

static int needs_of_legacy_cells(struct gr_qemu *qemu)
{
	uint64_t sum = 0;
	int r;

	for (size_t i = 0; i < qemu->cell_count; i++) {
		const struct gr_qemu_cell *cell = &qemu->cells[i];

		if (__builtin_add_overflow(sum, cell->mem_bytes, &sum))
			sum = UINT64_MAX;
		if (cell->mem_bytes == 0)
			continue;
		r = add_need(qemu, (int)cell->id, cell->mem_bytes, -1, (int)i);
		if (r < 0)
			return r;
	}
	return check_sum(qemu, sum, "the cells have");
}

/* Cells that name no memory: QEMU up to 5.0 gave each the same share, the last one the rest. */
static int needs_of_bare_cells(struct gr_qemu *qemu)
{
	uint64_t share = qemu->memory_bytes / qemu->cell_count / SHARE_OUT_UNIT * SHARE_OUT_UNIT;
	uint64_t left = qemu->memory_bytes;
	int r;

	for (size_t i = 0; i < qemu->cell_count; i++) {
		uint64_t bytes = i + 1 == qemu->cell_count ? left : share;

		left -= bytes;
		if (bytes == 0)
			continue;
		r = add_need(qemu, (int)qemu->cells[i].id, bytes, -1, (int)i);
		if (r < 0)
			return r;
	}
	return gr_note_warn(
		&qemu->notes, "GR425",
		"the cells name no memory (QEMU since 5.1 refuses that): shared out evenly");
}

static int need_of_whole(struct gr_qemu *qemu)
{
	int backend, r;

	if (!qemu->memory_backend)
		return add_need(qemu, -1, qemu->memory_bytes, -1, -1);
	backend = claim(qemu, qemu->memory_backend, "the machine", GR_QEMU_WHOLE);
	if (backend < 0)
		return backend == -ENOMEM ? backend : 0;
	if (!qemu->memory_given)
		qemu->memory_bytes = qemu->backends[backend].size_bytes;
	r = add_need(qemu, -1, qemu->backends[backend].size_bytes, backend, -1);
	if (r < 0 || gr_notes_error(&qemu->notes, NULL) < 0)
		return r;
	return check_sum(qemu, qemu->backends[backend].size_bytes, "the machine's object has");
}

static int needs_of_guest(struct gr_qemu *qemu)
{
	bool memdev = false, mem = false;
	int r = 0;

	if (qemu->cell_count)
		qsort(qemu->cells, qemu->cell_count, sizeof(*qemu->cells), compare_cells);
	for (size_t i = 0; i < qemu->cell_count; i++) {
		memdev |= qemu->cells[i].memdev != NULL;
		mem |= qemu->cells[i].has_mem;
	}
	if (memdev && mem)
		r = gr_note_fatal(&qemu->notes, "GR407", "-numa node: mem= and memdev= do not mix");
	else if (memdev && qemu->memory_backend)
		r = gr_note_fatal(&qemu->notes, "GR407",
				  "-machine memory-backend= and -numa node,memdev= do not mix");
	else if (qemu->mem_path && qemu->memory_backend)
		r = gr_note_fatal(&qemu->notes, "GR407",
				  "-machine memory-backend= and -mem-path do not mix");
	if (r < 0)
		return r;
	if (memdev)
		return needs_of_memdevs(qemu);
	if (qemu->memory_backend || qemu->cell_count == 0)
		return need_of_whole(qemu);
	return mem ? needs_of_legacy_cells(qemu) : needs_of_bare_cells(qemu);
}

/* Only a DIMM: NVDIMM and virtio-pmem are storage, virtio-mem and ivshmem map as they like. */
static bool is_dimm(const struct gr_qemu *qemu, const struct gr_qemu_device *device)
{
	int i = find_backend(qemu, device->memdev);

	return strcmp(device->driver, "pc-dimm") == 0 &&
	       (i < 0 || (qemu->backends[i].kind != GR_QEMU_EPC && !qemu->backends[i].data));
}

static int needs_of_devices(struct gr_qemu *qemu)
{
	for (size_t i = 0; i < qemu->device_count; i++) {
		const struct gr_qemu_device *device = &qemu->devices[i];
		bool dimm = is_dimm(qemu, device);
		enum gr_qemu_use use = dimm ? GR_QEMU_DIMM : GR_QEMU_OTHER;
		int backend = claim(qemu, device->memdev, device->driver, use), r;

		if (dimm || strncmp(device->driver, "virtio-mem", 10) == 0)
			qemu->request.memory_hotplug = true;
		if (backend == -ENOMEM)
			return backend;
		if (backend < 0 || !dimm)
			continue;
		r = add_need(qemu, device->guest_node, qemu->backends[backend].size_bytes, backend,
			     -1);
		if (r < 0)
			return r;
	}
	return 0;
}

static int needs_of_unused(struct gr_qemu *qemu)
{
	for (size_t i = 0; i < qemu->backend_count; i++) {
		const struct gr_qemu_backend *b = &qemu->backends[i];
		char size[GR_TEXT_MAX];
		int r;

		if (b->use != GR_QEMU_UNUSED || b->kind == GR_QEMU_EPC || b->data ||
		    !(b->prealloc_given ? b->prealloc : qemu->mem_prealloc))
			continue;
		r = gr_note_warn(&qemu->notes, "GR420",
				 "object %s (%s) serves nobody, but its pages are taken (prealloc)",
				 b->id, gr_size_text(b->size_bytes, size));
		if (r == 0)
			r = add_need(qemu, -1, b->size_bytes, (int)i, -1);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_need(struct gr_qemu *qemu, size_t i)
{
	const struct gr_need *need = &qemu->request.needs[i];
	const struct gr_qemu_source *source = &qemu->sources[i];
	const struct gr_qemu_backend *b =
		source->backend >= 0 ? &qemu->backends[source->backend] : NULL;
	char what[80];
	int r = 0;

	if (b)
		snprintf(what, sizeof(what), "%s", b->id);
	else if (need->guest_cell >= 0)
		snprintf(what, sizeof(what), "cell %d", need->guest_cell);
	else
		snprintf(what, sizeof(what), "guest RAM");
	if (b && b->use == GR_QEMU_UNUSED)
		return gr_note_partial_page(&qemu->notes, what, need->memory_bytes,
					    need->page_size_bytes);
	if (qemu->request.shared && !need->shared)
		r = gr_note_not_shared(&qemu->notes, what, need->memory_bytes, "share=on");
	if (r == 0 && qemu->request.passthrough && b && !b->share &&
	    (b->kind == GR_QEMU_MEMFD || b->kind == GR_QEMU_FILE))
		r = gr_note_private_file(&qemu->notes, what, need->memory_bytes, "share=on");
	return r < 0 ? r :
		       gr_note_partial_page(&qemu->notes, what, need->memory_bytes,
					    need->page_size_bytes);
}

int gr_qemu_default_page_size(struct gr_qemu *qemu, uint64_t bytes)
{
	for (size_t i = 0; i < qemu->request.need_count; i++) {
		struct gr_need *need = &qemu->request.needs[i];
		char what[80];
		int r;

		if (!qemu->sources[i].hugetlb || need->page_size_bytes)
			continue;
		need->page_size_bytes = bytes;
		snprintf(what, sizeof(what), "%s", need->backend_id);
		r = gr_note_partial_page(&qemu->notes, what, need->memory_bytes, bytes);
		if (r < 0)
			return r;
	}
	return 0;
}

int gr_qemu_make_needs(struct gr_qemu *qemu)
{
	int r = needs_of_guest(qemu);

	if (r == 0)
		r = needs_of_devices(qemu);
	if (r == 0)
		r = needs_of_unused(qemu);
	for (size_t i = 0; r == 0 && i < qemu->request.need_count; i++)
		r = check_need(qemu, i);
	if (r == 0 && qemu->max_memory_bytes > qemu->memory_bytes)
		qemu->request.memory_hotplug = true;
	if (r == 0 && qemu->daemonize)
		r = gr_note_warn(
			&qemu->notes, "GR423",
			"-daemonize: the process that is started goes, another one is the VM");
	if (r == 0 && qemu->unknown_config)
		r = gr_note_warn(&qemu->notes, "GR424",
				 "-readconfig, -set and -preconfig may change memory unseen");
	return r;
}
