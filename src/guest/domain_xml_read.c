// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Readers of the elements that are about memory as a whole: sizes and <memoryBacking>. Of an
 * element that counts once libvirt takes the first; so do we, and say so. It looks for <page> below
 * every <memoryBacking>, so all of those count.
 */
#include <string.h>
#include <strings.h>

#include "base/size.h"
#include "base/util.h"
#include "guest/domain_xml_private.h"

#define THREADS_MAX 65535

int gr_domain_on_domain(const struct gr_element *element)
{
	struct gr_domain *domain = element->domain;
	const char *type = gr_element_attr(element, "type");

	snprintf(domain->type, sizeof(domain->type), "%s", type ? type : "");
	if (!type)
		return gr_domain_missing(element, "type");
	if (strcmp(type, "kvm") != 0 && strcmp(type, "qemu") != 0)
		return gr_domain_problem(
			domain, "GR464", GR_DOMAIN_WARNING, element->line,
			"a domain of type %.40s: its memory is read as if QEMU had "
			"it",
			type);
	return 0;
}

int gr_domain_on_name(const struct gr_element *element)
{
	int r = gr_domain_set_text(&element->domain->name, element->text);

	return r < 0 ? r : gr_domain_set_text(&element->domain->request.name, element->text);
}

int gr_domain_on_uuid(const struct gr_element *element)
{
	return gr_domain_set_text(&element->domain->uuid, element->text);
}

static int read_total(const struct gr_element *element, enum gr_domain_once once, uint64_t *ret)
{
	char what[32];
	int r = gr_domain_first(element, once);

	snprintf(what, sizeof(what), "<%.20s>", element->name);
	if (r > 0)
		r = gr_domain_bytes(element, what, element->text, element->unit, ret);
	return r < 0 ? r : 0;
}

int gr_domain_on_memory(const struct gr_element *element)
{
	if (!element->domain->memory_line)
		element->domain->memory_line = element->line;
	return read_total(element, GR_ONCE_MEMORY, &element->domain->memory_bytes);
}

int gr_domain_on_current(const struct gr_element *element)
{
	return read_total(element, GR_ONCE_CURRENT, &element->domain->current_memory_bytes);
}

int gr_domain_on_max(const struct gr_element *element)
{
	const char *slots = gr_element_attr(element, "slots");
	int r;

	if (element->domain->seen & 1u << GR_ONCE_MAX)
		return 0;
	if (!slots)
		return 0; /* said at the end of the element */
	r = gr_domain_number(element, "<maxMemory slots>", slots, THREADS_MAX,
			     &element->domain->memory_slots);
	return r < 0 ? r : 0;
}

int gr_domain_on_max_text(const struct gr_element *element)
{
	struct gr_domain *domain = element->domain;
	int r = read_total(element, GR_ONCE_MAX, &domain->max_memory_bytes);

	if (r == 0 && (domain->max_memory_bytes == 0 || domain->memory_slots == 0))
		r = gr_domain_missing(element, "both a size and slots");
	return r;
}

int gr_domain_on_vcpu(const struct gr_element *element)
{
	const char *placement = gr_element_attr(element, "placement");

	element->domain->automatic |= placement && strcmp(placement, "auto") == 0;
	return 0;
}

int gr_domain_on_vcpu_text(const struct gr_element *element)
{
	int r = gr_domain_number(element, "<vcpu>", element->text, THREADS_MAX,
				 &element->domain->vcpus);

	return r < 0 ? r : 0;
}

int gr_domain_on_hugepages(const struct gr_element *element)
{
	element->domain->hugepages = true;
	return 0;
}

int gr_domain_on_page(const struct gr_element *element)
{
	struct gr_domain *domain = element->domain;
	const char *size = gr_element_attr(element, "size");
	const char *nodeset = gr_element_attr(element, "nodeset");
	struct gr_domain_page page = { .line = element->line };
	int r;

	if (!size)
		return gr_domain_missing(element, "size");
	r = gr_domain_bytes(element, "<page>", size, gr_element_attr(element, "unit"),
			    &page.size_bytes);
	if (r <= 0)
		return r;
	if (page.size_bytes == 0 || page.size_bytes & (page.size_bytes - 1)) {
		char text[GR_TEXT_MAX];

		return gr_domain_problem(domain, "GR436", GR_DOMAIN_ERROR, element->line,
					 "<page>: %s is no page size of any machine",
					 gr_size_text(page.size_bytes, text));
	}
	r = gr_domain_full(element, domain->page_count);
	if (r != 0)
		return r < 0 ? r : 0;
	if (nodeset) {
		r = gr_domain_nodes(element, "<page nodeset>", nodeset, &page.guest_nodes);
		if (r <= 0)
			return r;
		page.has_nodes = true;
	}
	if (gr_grow(&domain->pages, domain->page_count, sizeof(page)) < 0) {
		gr_list_done(&page.guest_nodes);
		return -ENOMEM;
	}
	domain->pages[domain->page_count++] = page;
	return 0;
}

int gr_domain_on_nosharepages(const struct gr_element *element)
{
	element->domain->nosharepages = true;
	return 0;
}

int gr_domain_on_locked(const struct gr_element *element)
{
	element->domain->locked = true;
	return 0;
}

int gr_domain_on_discard(const struct gr_element *element)
{
	element->domain->discard = true;
	return 0;
}

int gr_domain_on_source(const struct gr_element *element)
{
	int r = gr_domain_first(element, GR_ONCE_SOURCE);

	if (r > 0)
		r = gr_domain_word(element, "type", gr_domain_source_names, GR_SOURCE_COUNT,
				   (unsigned int *)&element->domain->source);
	return r < 0 ? r : 0;
}

int gr_domain_on_access(const struct gr_element *element)
{
	int r = gr_domain_first(element, GR_ONCE_ACCESS);

	if (r > 0)
		r = gr_domain_word(element, "mode", gr_domain_access_names, GR_ACCESS_COUNT,
				   (unsigned int *)&element->domain->access);
	return r < 0 ? r : 0;
}

int gr_domain_on_allocation(const struct gr_element *element)
{
	struct gr_domain *domain = element->domain;
	const char *threads = gr_element_attr(element, "threads");
	int r = gr_domain_first(element, GR_ONCE_ALLOCATION);

	if (r <= 0)
		return r;
	r = gr_domain_word(element, "mode", gr_domain_allocation_names, GR_ALLOCATION_COUNT,
			   (unsigned int *)&domain->allocation);
	if (r >= 0 && threads)
		r = gr_domain_number(element, "<allocation threads>", threads, THREADS_MAX,
				     &domain->allocation_threads);
	return r < 0 ? r : 0;
}

int gr_domain_on_os_type(const struct gr_element *element)
{
	const char *arch = gr_element_attr(element, "arch");
	const char *machine = gr_element_attr(element, "machine");
	int r = arch ? gr_domain_set_text(&element->domain->arch, arch) : 0;

	return r < 0 || !machine ? r : gr_domain_set_text(&element->domain->machine, machine);
}
