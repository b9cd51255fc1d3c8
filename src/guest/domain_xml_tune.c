// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Readers of guest cells (<cpu><numa>), of where on the host their memory is to be (<numatune>) and
 * of its limits (<memtune>).
 */
#include <string.h>

#include "base/util.h"
#include "guest/domain_xml_private.h"

#define MEMTUNE_UNLIMITED (UINT64_C(9007199254740991) << 10) /* libvirt: 2^53 - 1 KiB and more */

int gr_domain_on_cell(const struct gr_element *element)
{
	struct gr_domain *domain = element->domain;
	const char *id = gr_element_attr(element, "id"), *cpus = gr_element_attr(element, "cpus");
	const char *memory = gr_element_attr(element, "memory");
	struct gr_domain_cell *cell;
	int r = gr_domain_full(element, domain->cell_count);

	if (r != 0)
		return r < 0 ? r : 0;
	if (gr_grow(&domain->cells, domain->cell_count, sizeof(*cell)) < 0)
		return -ENOMEM;
	cell = &domain->cells[domain->cell_count];
	cell->line = element->line;
	cell->id = (unsigned int)domain->cell_count++;
	if (id)
		r = gr_domain_number(element, "<cell id>", id, GR_DOMAIN_ITEMS_MAX, &cell->id);
	if (r >= 0 && cpus)
		r = gr_domain_set_text(&cell->cpus, cpus);
	if (r >= 0 && memory)
		r = gr_domain_bytes(element, "<cell memory>", memory,
				    gr_element_attr(element, "unit"), &cell->memory_bytes);
	else if (r >= 0)
		r = gr_domain_missing(element, "memory");
	if (r >= 0)
		r = gr_domain_word(element, "memAccess", gr_domain_access_names, GR_ACCESS_COUNT,
				   (unsigned int *)&cell->access);
	if (r >= 0)
		r = gr_domain_yes(element, "discard", &cell->discard);
	return r < 0 ? r : 0;
}

/* What <memory> and <memnode> of <numatune> have in common. */
static int read_tune(const struct gr_element *element, struct gr_domain_memnode *tune)
{
	const char *nodeset = gr_element_attr(element, "nodeset");
	const char *placement = gr_element_attr(element, "placement");
	int r;

	tune->line = element->line;
	tune->mode = GR_MODE_STRICT;
	r = gr_domain_word(element, "mode", gr_domain_mode_names, GR_MODE_COUNT,
			   (unsigned int *)&tune->mode);
	if (r < 0)
		return r;
	if (placement && strcmp(placement, "auto") == 0) {
		tune->automatic = true;
		return 0; /* libvirt passes over the node set then */
	}
	if (placement && strcmp(placement, "static") != 0)
		return gr_domain_problem(element->domain, "GR433", GR_DOMAIN_ERROR, element->line,
					 "<%s placement='%.40s'>: there is no such placement",
					 element->name, placement);
	if (!nodeset)
		return gr_domain_missing(element, "nodeset");
	r = gr_domain_nodes(element, "<numatune> nodeset", nodeset, &tune->host_nodes);
	tune->has_nodes = r > 0;
	return r < 0 ? r : 0;
}

int gr_domain_on_tune(const struct gr_element *element)
{
	int r = gr_domain_first(element, GR_ONCE_TUNE);

	if (r <= 0)
		return r;
	r = read_tune(element, &element->domain->numatune);
	element->domain->automatic |= element->domain->numatune.automatic;
	return r;
}

int gr_domain_on_memnode(const struct gr_element *element)
{
	struct gr_domain *domain = element->domain;
	const char *cellid = gr_element_attr(element, "cellid");
	struct gr_domain_memnode *node;
	unsigned int cell;
	int r;

	if (!cellid)
		return gr_domain_missing(element, "cellid");
	r = gr_domain_number(element, "<memnode cellid>", cellid, GR_DOMAIN_ITEMS_MAX, &cell);
	if (r <= 0)
		return r;
	r = gr_domain_full(element, domain->memnode_count);
	if (r != 0)
		return r < 0 ? r : 0;
	if (gr_grow(&domain->memnodes, domain->memnode_count, sizeof(*node)) < 0)
		return -ENOMEM;
	node = &domain->memnodes[domain->memnode_count++];
	node->cell = (int)cell;
	return read_tune(element, node);
}

int gr_domain_on_limit(const struct gr_element *element)
{
	struct gr_domain_limits *limits = &element->domain->limits;
	const struct {
		const char *name;
		uint64_t *value;
	} known[] = {
		{ "hard_limit", &limits->hard_bytes },
		{ "soft_limit", &limits->soft_bytes },
		{ "swap_hard_limit", &limits->swap_hard_bytes },
		{ "min_guarantee", &limits->min_guarantee_bytes },
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(known); i++) {
		uint64_t bytes = 0;
		int r;

		if (strcmp(element->name, known[i].name) != 0)
			continue;
		r = gr_domain_bytes(element, known[i].name, element->text, element->unit, &bytes);
		if (r > 0)
			*known[i].value = bytes >= MEMTUNE_UNLIMITED ? GR_DOMAIN_UNLIMITED : bytes;
		return r < 0 ? r : 0;
	}
	return 0;
}
