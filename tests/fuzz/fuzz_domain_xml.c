// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Any bytes as a domain. What is read has to hold together: needs and what stands beside them, host
 * nodes only with a policy, problems by line, and no huge pages in a document that the quick scan
 * takes for uninteresting. On the way everything that allocates is freed, which ASan watches.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "guest/domain_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                    \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static void check_need(const struct gr_domain *domain, size_t i)
{
	const struct gr_need *need = &domain->request.needs[i];
	const struct gr_domain_need *more = &domain->needs[i];

	CHECK(more->device >= -1 && more->device < (int)domain->device_count);
	CHECK(more->hugetlb || need->page_size_bytes == 0);
	CHECK(need->page_size_bytes == 0 || need->page_size_bytes != 4096);
	CHECK((need->host_nodes.count != 0) == (need->policy != GR_POLICY_DEFAULT));
	CHECK(more->prealloc || !more->hugetlb);
	CHECK(more->kind != GR_SOURCE_NONE);
	CHECK(more->kind != GR_SOURCE_ANONYMOUS || (!more->hugetlb && !need->shared));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_domain_ struct gr_domain *domain = NULL;
	const char *text = (const char *)data;
	struct gr_error err = { 0 };
	bool errors = false;
	int r = gr_domain_parse(text, size, &domain, &err);

	CHECK((r == 0) == (domain != NULL));
	CHECK(r == 0 || err.message[0]);
	if (r < 0)
		return 0;
	for (size_t i = 0; i < domain->request.need_count; i++)
		CHECK(!domain->needs[i].hugetlb || gr_domain_has_interest(text, size));
	CHECK(!domain->policy_count || gr_domain_has_interest(text, size));
	CHECK(gr_domain_page_sizes(domain, 4096, UINT64_C(1) << 21) == 0);
	CHECK(domain->request.need_count >= domain->cell_count);
	for (size_t i = 0; i < domain->request.need_count; i++)
		check_need(domain, i);
	CHECK(domain->problem_count <= GR_DOMAIN_PROBLEMS_MAX);
	for (size_t i = 0; i < domain->problem_count; i++) {
		CHECK(strncmp(domain->problems[i].code, "GR4", 3) == 0);
		CHECK(i == 0 || domain->problems[i - 1].line <= domain->problems[i].line);
		errors |= domain->problems[i].severity == GR_DOMAIN_ERROR;
	}
	CHECK(errors == (gr_domain_error(domain, NULL) < 0));
	gr_domain_memlock_bytes(domain);
	return 0;
}
