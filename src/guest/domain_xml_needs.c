// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * From what a domain says to the objects that libvirt would give QEMU: sizes rounded as libvirt
 * rounds them, a page size from the device, the cell's <page> or the one for all, and a kind: a
 * memfd if that is the source, a file if there are huge pages, an access mode or that source, else
 * anonymous memory.
 */
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "guest/domain_xml_private.h"

static bool is_ppc64(const struct gr_domain *domain)
{
	return domain->arch && strncmp(domain->arch, "ppc64", 5) == 0;
}

static uint64_t round_up(uint64_t bytes, uint64_t unit)
{
	uint64_t pages = gr_div_up(bytes, unit);

	return pages > UINT64_MAX / unit ? bytes : pages * unit;
}

/* libvirt hands QEMU whole MiB, and memory devices of whole 2 MiB; PowerPC has 256 MiB for both. */
static uint64_t ram_size(const struct gr_domain *domain, uint64_t bytes)
{
	return round_up(bytes, is_ppc64(domain) ? 256 * GR_MIB : GR_MIB);
}

static uint64_t device_size(const struct gr_domain *domain, uint64_t bytes)
{
	return round_up(bytes, is_ppc64(domain) ? 256 * GR_MIB : 2 * GR_MIB);
}

bool gr_domain_is_data(const struct gr_domain_device *device)
{
	return device->model == GR_MODEL_NVDIMM || device->model == GR_MODEL_VIRTIO_PMEM;
}

const char *gr_domain_need_name(const struct gr_domain *domain, size_t need, char buf[32])
{
	if (domain->needs[need].device >= 0)
		snprintf(buf, 32, "memory device %d", domain->needs[need].device + 1);
	else if (domain->request.needs[need].guest_cell >= 0)
		snprintf(buf, 32, "cell %d", domain->request.needs[need].guest_cell);
	else
		snprintf(buf, 32, "guest RAM");
	return buf;
}

/* The <page> for a cell (-1: no cells); NULL: none, so no huge pages. */
static const struct gr_domain_page *find_page(const struct gr_domain *domain, int cell)
{
	const struct gr_domain_page *for_all = NULL;

	for (size_t i = 0; i < domain->page_count; i++) {
		const struct gr_domain_page *page = &domain->pages[i];

		/* Without cells the whole guest is node 0. */
		if (!page->has_nodes ||
		    (domain->cell_count == 0 && gr_list_has(&page->guest_nodes, 0)))
			for_all = for_all ? for_all : page;
		else if (cell >= 0 && gr_list_has(&page->guest_nodes, (unsigned int)cell))
			return page;
	}
	return for_all;
}

static const struct gr_domain_cell *find_cell(const struct gr_domain *domain, int id)
{
	for (size_t i = 0; i < domain->cell_count; i++)
		if (id >= 0 && domain->cells[i].id == (unsigned int)id)
			return &domain->cells[i];
	return NULL;
}

void gr_domain_set_kind(const struct gr_domain *domain, size_t index)
{
	struct gr_need *need = &domain->request.needs[index];
	struct gr_domain_need *more = &domain->needs[index];
	const struct gr_domain_device *device =
		more->device >= 0 ? &domain->devices[more->device] : NULL;
	const struct gr_domain_cell *cell =
		find_cell(domain, device ? device->guest_node : need->guest_cell);
	enum gr_domain_access access = device ? device->access : GR_ACCESS_NONE;
	enum gr_domain_answer discard = device ? device->discard : GR_ANSWER_NONE;

	if (access == GR_ACCESS_NONE && cell)
		access = cell->access;
	if (access == GR_ACCESS_NONE)
		access = domain->access;
	if (discard == GR_ANSWER_NONE && cell)
		discard = cell->discard;
	if (discard == GR_ANSWER_NONE && domain->discard)
		discard = GR_ANSWER_YES;
	more->access = access;
	if (domain->source == GR_SOURCE_MEMFD)
		more->kind = GR_SOURCE_MEMFD;
	else if (more->hugetlb || access != GR_ACCESS_NONE || domain->source == GR_SOURCE_FILE)
		more->kind = GR_SOURCE_FILE;
	else
		more->kind = GR_SOURCE_ANONYMOUS;
	/* QEMU's memfd is shared unless told otherwise. */
	need->shared = access == GR_ACCESS_SHARED ||
		       (access == GR_ACCESS_NONE && more->kind == GR_SOURCE_MEMFD);
	more->prealloc = more->hugetlb || domain->allocation == GR_ALLOCATION_IMMEDIATE;
	more->discard = discard == GR_ANSWER_YES && more->kind == GR_SOURCE_FILE;
}

static enum gr_node_policy policy_of(enum gr_domain_mode mode)
{
	static const enum gr_node_policy policies[GR_MODE_COUNT] = {
		[GR_MODE_NONE] = GR_POLICY_DEFAULT,
		[GR_MODE_STRICT] = GR_POLICY_BIND,
		[GR_MODE_PREFERRED] = GR_POLICY_PREFERRED,
		[GR_MODE_INTERLEAVE] = GR_POLICY_INTERLEAVE,
		[GR_MODE_RESTRICTIVE] = GR_POLICY_BIND,
	};

	return policies[mode];
}

/* Host nodes: the device's, the cell's, or those of all. The mode is never the device's. */
static int set_nodes(const struct gr_domain *domain, int cell, struct gr_need *need,
		     struct gr_domain_need *more)
{
	static const struct gr_list none = { 0 };
	const struct gr_domain_memnode *all = &domain->numatune, *tune = NULL;
	const struct gr_list *nodes;

	for (size_t i = 0; i < domain->memnode_count; i++)
		if (cell >= 0 && domain->memnodes[i].cell == cell)
			tune = &domain->memnodes[i];
	if (!tune)
		tune = all;
	more->mode = tune->mode;
	nodes = &tune->host_nodes;
	if (more->device >= 0 && domain->devices[more->device].host_nodes.count) {
		nodes = &domain->devices[more->device].host_nodes;
		if (more->mode == GR_MODE_NONE)
			more->mode = GR_MODE_STRICT;
	}
	if (more->mode == GR_MODE_RESTRICTIVE) {
		bool cpuset = all->mode == GR_MODE_STRICT || all->mode == GR_MODE_RESTRICTIVE;

		nodes = cpuset ? &all->host_nodes : &none;
	}
	need->policy = nodes->count ? policy_of(more->mode) : GR_POLICY_DEFAULT;
	return gr_list_copy(nodes, &need->host_nodes);
}

/* @device is an index, or -1. */
static int add_need(struct gr_domain *domain, int cell, int device, uint64_t bytes,
		    unsigned long line)
{
	const struct gr_domain_page *page = find_page(domain, cell);
	struct gr_domain_need *more;
	struct gr_need *need;

	if (gr_grow(&domain->needs, domain->request.need_count, sizeof(*more)) < 0 ||
	    gr_request_add(&domain->request, &need) < 0)
		return -ENOMEM;
	more = &domain->needs[domain->request.need_count - 1];
	*more = (struct gr_domain_need){ .device = device, .line = line };
	need->guest_cell = cell;
	need->memory_bytes = bytes;
	if (device >= 0 && domain->devices[device].page_size_bytes) {
		more->hugetlb = true;
		need->page_size_bytes = domain->devices[device].page_size_bytes;
	} else if (page) {
		more->hugetlb = true;
		need->page_size_bytes = page->size_bytes;
	} else if (domain->hugepages && domain->page_count == 0) {
		more->hugetlb = true;
	}
	gr_domain_set_kind(domain, domain->request.need_count - 1);
	return set_nodes(domain, cell, need, more);
}

/* What else the VM does with its memory. */
static void make_traits(struct gr_domain *domain)
{
	struct gr_request *request = &domain->request;

	request->passthrough = domain->vfio_devices > 0;
	request->shared = domain->virtiofs_devices > 0 || domain->vhost_user_devices > 0;
	request->memory_hotplug = domain->max_memory_bytes > 0 || domain->device_count > 0;
	/* Every libvirt guest has a balloon; it is wanted where something is to come back by it. */
	request->balloon =
		domain->balloon && (domain->free_page_reporting || domain->autodeflate ||
				    (domain->current_memory_bytes &&
				     domain->current_memory_bytes < domain->memory_bytes));
	request->locked = domain->locked;
}

int gr_domain_make_needs(struct gr_domain *domain)
{
	uint64_t devices = 0;
	int r = 0;

	for (size_t i = 0; i < domain->device_count; i++)
		if (__builtin_add_overflow(devices, domain->devices[i].size_bytes, &devices))
			devices = UINT64_MAX;
	for (size_t i = 0; r == 0 && i < domain->cell_count; i++) {
		const struct gr_domain_cell *cell = &domain->cells[i];
		uint64_t bytes = ram_size(domain, cell->memory_bytes);

		if (__builtin_add_overflow(domain->initial_bytes, bytes, &domain->initial_bytes))
			domain->initial_bytes = UINT64_MAX;
		r = add_need(domain, (int)cell->id, -1, bytes, cell->line);
	}
	if (domain->cell_count == 0) {
		domain->initial_bytes =
			ram_size(domain, gr_sub_floor(domain->memory_bytes, devices));
		r = add_need(domain, -1, -1, domain->initial_bytes, domain->memory_line);
	}
	for (size_t i = 0; r == 0 && i < domain->device_count; i++) {
		const struct gr_domain_device *device = &domain->devices[i];
		uint64_t bytes = device->size_bytes;

		if (device->model == GR_MODEL_VIRTIO_MEM)
			bytes = gr_max_u64(device->requested_bytes, device->current_bytes);
		/* A virtio-mem device of which nothing is requested yet takes nothing. */
		if (device->model == GR_MODEL_DIMM ||
		    (device->model == GR_MODEL_VIRTIO_MEM && bytes))
			r = add_need(domain, device->guest_node, (int)i, device_size(domain, bytes),
				     device->line);
	}
	if (r == 0)
		make_traits(domain);
	return r;
}
