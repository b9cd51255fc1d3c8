// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What is wrong with a domain, all of it at once. An error is what libvirt or QEMU refuses (each
 * was tried against libvirt); a warning starts and hurts later, or is not what was meant; a hint is
 * worth knowing. What depends on the host (is there such a page size, such a node) is not judged
 * here.
 */
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "guest/domain_xml_private.h"

#define PAGES_MAX 64 /* more <page> are compared with nothing: each pair costs a look */

static bool overlap(const struct gr_list *a, const struct gr_list *b)
{
	for (size_t i = 0; i < a->count; i++)
		if (gr_list_has(b, a->ids[i]))
			return true;
	return false;
}

/* Has the page size a meaning for the whole guest, as libvirt sees it? */
static bool is_for_all(const struct gr_domain *domain, const struct gr_domain_page *page)
{
	return !page->has_nodes || (domain->cell_count == 0 && page->guest_nodes.count == 1 &&
				    page->guest_nodes.ids[0] == 0);
}

static int check_page_pair(struct gr_domain *domain, const struct gr_domain_page *a,
			   const struct gr_domain_page *b)
{
	char one[GR_TEXT_MAX], other[GR_TEXT_MAX];

	gr_size_text(a->size_bytes, one);
	gr_size_text(b->size_bytes, other);
	if (is_for_all(domain, a) && is_for_all(domain, b))
		return gr_domain_problem(domain, "GR438", GR_DOMAIN_ERROR, b->line,
					 "two page sizes for the whole guest, %s and %s: all but "
					 "one need nodeset=",
					 one, other);
	if (a->has_nodes && b->has_nodes && overlap(&a->guest_nodes, &b->guest_nodes))
		return gr_domain_problem(domain, "GR439", GR_DOMAIN_ERROR, b->line,
					 "a guest cell is in the nodeset of both %s and %s", one,
					 other);
	return 0;
}

static int check_pages(struct gr_domain *domain)
{
	size_t compared = gr_min_u64(domain->page_count, PAGES_MAX);
	char size[GR_TEXT_MAX];
	int r = 0;

	for (size_t i = 0; r == 0 && i < domain->page_count; i++) {
		const struct gr_domain_page *page = &domain->pages[i];

		if (page->size_bytes == domain->memory_bytes)
			r = gr_domain_problem(domain, "GR437", GR_DOMAIN_WARNING, page->line,
					      "page size and guest memory are both %s: the size of "
					      "one page is meant here, 2 MiB or 1 GiB on x86",
					      gr_size_text(page->size_bytes, size));
		if (r == 0 && page->has_nodes && !is_for_all(domain, page) &&
		    page->guest_nodes.ids[page->guest_nodes.count - 1] >= domain->cell_count)
			r = domain->cell_count ?
				    gr_domain_problem(
					    domain, "GR440", GR_DOMAIN_ERROR, page->line,
					    "<page nodeset> names guest cell %u; the guest has "
					    "%zu, from 0",
					    page->guest_nodes.ids[page->guest_nodes.count - 1],
					    domain->cell_count) :
				    gr_domain_problem(
					    domain, "GR440", GR_DOMAIN_ERROR, page->line,
					    "<page nodeset> names guest cells, and the guest has "
					    "none; host nodes belong in <numatune>");
		for (size_t k = 0; r == 0 && i < compared && k < i; k++)
			r = check_page_pair(domain, &domain->pages[k], page);
	}
	return r;
}

/* Anonymous memory that an access mode turns into a file; see set_kind() in domain_xml_needs.c. */
static int check_access(struct gr_domain *domain)
{
	if (domain->access == GR_ACCESS_NONE || domain->hugepages ||
	    domain->source == GR_SOURCE_MEMFD || domain->source == GR_SOURCE_FILE)
		return 0;
	return gr_domain_problem(domain, "GR443", GR_DOMAIN_WARNING, domain->memory_line,
				 "<access mode='%s'> without huge pages or a memfd: libvirt puts "
				 "guest RAM into a file on disk (memory_backing_dir); <source "
				 "type='memfd'/> avoids that",
				 gr_domain_access_name(domain->access));
}

static int check_limits(struct gr_domain *domain)
{
	const struct gr_domain_limits *limits = &domain->limits;
	uint64_t hard = limits->hard_bytes == GR_DOMAIN_UNLIMITED ? 0 : limits->hard_bytes;
	char size[GR_TEXT_MAX], ram[GR_TEXT_MAX];
	int r = 0;

	if (domain->locked && !hard)
		r = gr_domain_problem(domain, "GR445", GR_DOMAIN_WARNING, domain->memory_line,
				      "<locked/> without <hard_limit>: QEMU may lock all of the "
				      "host's memory");
	if (r == 0 && hard && hard <= domain->memory_bytes &&
	    (domain->locked || !domain->hugepages))
		r = gr_domain_problem(domain, "GR465", GR_DOMAIN_WARNING, domain->memory_line,
				      "<hard_limit> of %s leaves QEMU nothing beside the guest's "
				      "%s: the guest will be killed",
				      gr_size_text(hard, size),
				      gr_size_text(domain->memory_bytes, ram));
	return r;
}

int gr_domain_check_backing(struct gr_domain *domain)
{
	unsigned long line = domain->memory_line;
	int r = check_pages(domain);

	if (r == 0 && domain->hugepages && domain->source == GR_SOURCE_ANONYMOUS)
		r = gr_domain_problem(domain, "GR441", GR_DOMAIN_ERROR, line,
				      "huge pages with <source type='anonymous'>: libvirt allows "
				      "memfd, file or none");
	if (r == 0 && domain->hugepages && domain->allocation == GR_ALLOCATION_ONDEMAND)
		r = gr_domain_problem(domain, "GR442", GR_DOMAIN_ERROR, line,
				      "huge pages with <allocation mode='ondemand'>: libvirt "
				      "allocates huge pages at the start, always");
	if (r == 0)
		r = check_access(domain);
	if (r == 0)
		r = check_limits(domain);
	if (r == 0 && domain->hugepages && domain->nosharepages)
		r = gr_domain_problem(domain, "GR455", GR_DOMAIN_HINT, line,
				      "<nosharepages/> changes nothing for huge pages: KSM never "
				      "merges them");
	if (r == 0 && domain->discard && domain->source == GR_SOURCE_MEMFD)
		r = gr_domain_problem(domain, "GR461", GR_DOMAIN_HINT, line,
				      "<discard/> does nothing for a memfd");
	if (r == 0 && domain->hugepages && domain->current_memory_bytes &&
	    domain->current_memory_bytes < domain->memory_bytes && domain->device_count == 0)
		r = gr_domain_problem(domain, "GR453", GR_DOMAIN_HINT, line,
				      "<currentMemory> below <memory>: all huge pages of <memory> "
				      "are taken all the same");
	if (r == 0 && domain->hugepages && (domain->free_page_reporting || domain->autodeflate))
		r = gr_domain_problem(domain, "GR454", GR_DOMAIN_HINT, line,
				      "free page reporting and the balloon give little or nothing "
				      "back from huge pages");
	if (r == 0 && domain->automatic)
		r = gr_domain_problem(domain, "GR458", GR_DOMAIN_WARNING, domain->numatune.line,
				      "placement='auto': numad names the host nodes at the start, "
				      "so pages cannot be reserved on the right ones before");
	return r;
}

static int compare_cells(const void *a, const void *b)
{
	const struct gr_domain_cell *left = a, *right = b;

	if (left->id != right->id)
		return left->id < right->id ? -1 : 1;
	return left->line < right->line ? -1 : left->line > right->line;
}

static int check_memnodes(struct gr_domain *domain)
{
	bool seen[GR_DOMAIN_ITEMS_MAX + 1] = { false };
	int r = 0;

	for (size_t i = 0; r == 0 && i < domain->memnode_count; i++) {
		const struct gr_domain_memnode *node = &domain->memnodes[i];

		if ((size_t)node->cell >= domain->cell_count)
			r = gr_domain_problem(domain, "GR451", GR_DOMAIN_ERROR, node->line,
					      "<memnode cellid='%d'>: the guest has no such cell",
					      node->cell);
		else if (seen[node->cell])
			r = gr_domain_problem(domain, "GR451", GR_DOMAIN_ERROR, node->line,
					      "two <memnode> for cell %d", node->cell);
		else if (domain->numatune.mode == GR_MODE_RESTRICTIVE &&
			 node->mode != GR_MODE_RESTRICTIVE)
			r = gr_domain_problem(domain, "GR451", GR_DOMAIN_ERROR, node->line,
					      "<memnode> has to be restrictive as well where "
					      "<memory> of <numatune> is");
		seen[node->cell] = true;
	}
	return r;
}

int gr_domain_check_cells(struct gr_domain *domain)
{
	struct gr_domain_cell *cells = domain->cells;
	char said[GR_TEXT_MAX], got[GR_TEXT_MAX];
	uint64_t sum = 0, total = domain->memory_bytes;
	int r = 0;

	if (domain->cell_count)
		qsort(cells, domain->cell_count, sizeof(*cells), compare_cells);
	for (size_t i = 0; r == 0 && i < domain->cell_count; i++) {
		if (__builtin_add_overflow(sum, cells[i].memory_bytes, &sum))
			sum = UINT64_MAX;
		if (cells[i].id != i)
			r = gr_domain_problem(domain, "GR450", GR_DOMAIN_ERROR, cells[i].line,
					      "<cell id='%u'>: ids go from 0 on, each once",
					      cells[i].id);
	}
	if (r == 0)
		r = check_memnodes(domain);
	for (size_t i = 0; i < domain->device_count; i++)
		total = gr_sub_floor(total, domain->devices[i].size_bytes);
	if (r == 0 && domain->cell_count && domain->memory_line && sum != total)
		r = gr_domain_problem(domain, "GR452", GR_DOMAIN_HINT, domain->memory_line,
				      "<memory> leaves %s for the cells, and they have %s: the "
				      "cells count",
				      gr_size_text(total, said), gr_size_text(sum, got));
	return r;
}
