// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The way through a domain: bytes that cannot be one are refused at once, the elements are read,
 * what is wrong is noted, needs are made. Later, when the host is known, its page sizes are filled
 * in.
 */
#include "guest/domain_xml.h"

#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "guest/domain_xml_private.h"

/* VFIO needs locked memory for the guest and for what the devices map beside it. */
#define MMIO_BYTES GR_GIB

/* Bytes that no domain has, told in plainer words than a parser would. */
static int check_bytes(const char *text, size_t len, struct gr_error *err)
{
	if (len == 0)
		return gr_error_set(err, GR_CLASS_USAGE, EINVAL, "no domain XML: it is empty");
	if (len > GR_DOMAIN_TEXT_MAX)
		return gr_error_set(err, GR_CLASS_USAGE, E2BIG,
				    "domain XML of %zu bytes; more than %ju are not read", len,
				    (uintmax_t)GR_DOMAIN_TEXT_MAX);
	if (len >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
		return gr_error_set(err, GR_CLASS_USAGE, EINVAL,
				    "domain XML in UTF-16: libvirt reads and writes UTF-8");
	if (memchr(text, '\0', len))
		return gr_error_set(err, GR_CLASS_USAGE, EINVAL, "domain XML with a zero byte");
	return 0;
}

int gr_domain_parse(const char *text, size_t len, struct gr_domain **ret, struct gr_error *err)
{
	_cleanup_domain_ struct gr_domain *domain = NULL;
	int r = check_bytes(text, len, err);

	if (r < 0)
		return r;
	domain = calloc(1, sizeof(*domain));
	if (!domain)
		return gr_error_nomem(err);
	domain->numatune.cell = -1;
	r = gr_domain_walk(domain, text, len, err);
	if (r < 0)
		return r;
	if (gr_domain_check_backing(domain) < 0 || gr_domain_check_cells(domain) < 0 ||
	    gr_domain_check_devices(domain) < 0 || gr_domain_make_needs(domain) < 0 ||
	    gr_domain_check_needs(domain) < 0)
		return gr_error_nomem(err);
	*ret = gr_steal_ptr(domain);
	return 0;
}

bool gr_domain_has_interest(const char *bytes, size_t len)
{
	/* "&#" could spell the name space; memory devices name a page size of their own. */
	static const char *const words[] = { "hugepages", "pagesize", "guestram", "&#" };

	if (len >= 2 && (memcmp(bytes, "\xff\xfe", 2) == 0 || memcmp(bytes, "\xfe\xff", 2) == 0))
		return true;
	if (memchr(bytes, '\0', len))
		return true;
	for (size_t i = 0; i < GR_ARRAY_SIZE(words); i++)
		if (memmem(bytes, len, words[i], strlen(words[i])))
			return true;
	return false;
}

uint64_t gr_domain_memlock_bytes(const struct gr_domain *domain)
{
	uint64_t total = domain->initial_bytes;

	if (!domain->locked && !domain->vfio_devices)
		return 0;
	if (domain->limits.hard_bytes && domain->limits.hard_bytes != GR_DOMAIN_UNLIMITED)
		return domain->limits.hard_bytes;
	if (domain->locked)
		return GR_DOMAIN_UNLIMITED;
	for (size_t i = 0; i < domain->device_count; i++)
		if (__builtin_add_overflow(total, domain->devices[i].size_bytes, &total))
			return GR_DOMAIN_UNLIMITED;
	return total > UINT64_MAX - MMIO_BYTES ? GR_DOMAIN_UNLIMITED : total + MMIO_BYTES;
}

static int check_whole_pages(struct gr_domain *domain, size_t i)
{
	const struct gr_need *need = &domain->request.needs[i];
	bool memfd = domain->needs[i].kind == GR_SOURCE_MEMFD;
	char what[32], size[GR_TEXT_MAX], page[GR_TEXT_MAX];

	if (!need->page_size_bytes || need->memory_bytes % need->page_size_bytes == 0)
		return 0;
	return gr_domain_problem(
		domain, "GR406", memfd ? GR_DOMAIN_ERROR : GR_DOMAIN_WARNING, domain->needs[i].line,
		"%s: %s is no multiple of the page size %s%s", gr_domain_need_name(domain, i, what),
		gr_size_text(need->memory_bytes, size), gr_size_text(need->page_size_bytes, page),
		memfd ? ": QEMU refuses that for a memfd" : ": the rest of the last page is lost");
}

int gr_domain_page_sizes(struct gr_domain *domain, uint64_t base_bytes, uint64_t default_bytes)
{
	char what[32];
	int r = 0;

	for (size_t i = 0; r == 0 && i < domain->request.need_count; i++) {
		struct gr_need *need = &domain->request.needs[i];
		struct gr_domain_need *more = &domain->needs[i];

		if (!more->hugetlb)
			continue;
		if (need->page_size_bytes == 0)
			need->page_size_bytes = default_bytes;
		if (need->page_size_bytes == 0) {
			r = gr_domain_problem(domain, "GR460", GR_DOMAIN_WARNING, more->line,
					      "%s: huge pages of the default size, which is not "
					      "known here",
					      gr_domain_need_name(domain, i, what));
		} else if (need->page_size_bytes == base_bytes) {
			more->hugetlb = false;
			need->page_size_bytes = 0;
			gr_domain_set_kind(domain, i);
			r = gr_domain_problem(domain, "GR459", GR_DOMAIN_WARNING, more->line,
					      "%s: a page of the base size is ordinary memory, not "
					      "a huge page",
					      gr_domain_need_name(domain, i, what));
		} else {
			r = check_whole_pages(domain, i);
		}
	}
	return r;
}
