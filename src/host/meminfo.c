// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * /proc/meminfo and the nodes' meminfo files, which differ only in the words "Node N" in front.
 * A table says which lines count; a line that is not in it is skipped, one that is there but holds
 * no number makes the whole file malformed. All figures become bytes here.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/util.h"
#include "host/read.h"

static const struct {
	const char *key;
	size_t offset;
} lines[] = {
	{ "MemTotal", offsetof(struct gr_meminfo, total) },
	{ "MemFree", offsetof(struct gr_meminfo, free) },
	{ "MemAvailable", offsetof(struct gr_meminfo, available) },
	{ "SwapFree", offsetof(struct gr_meminfo, swap_free) },
	{ "PageTables", offsetof(struct gr_meminfo, page_tables) },
	{ "Hugetlb", offsetof(struct gr_meminfo, hugetlb) },
	{ "Hugepagesize", offsetof(struct gr_meminfo, hugepagesize) },
	{ "Active(file)", offsetof(struct gr_meminfo, active_file) },
	{ "Inactive(file)", offsetof(struct gr_meminfo, inactive_file) },
	{ "SReclaimable", offsetof(struct gr_meminfo, slab_reclaimable) },
	{ "KReclaimable", offsetof(struct gr_meminfo, kernel_reclaimable) },
	{ "CmaTotal", offsetof(struct gr_meminfo, cma_total) },
};

static struct gr_figure *find_line(struct gr_meminfo *mem, const char *key)
{
	for (size_t i = 0; i < GR_ARRAY_SIZE(lines); i++) {
		if (!strcmp(lines[i].key, key))
			return (struct gr_figure *)((char *)mem + lines[i].offset);
	}
	return NULL;
}

int gr_meminfo_parse(char *text, struct gr_meminfo *ret)
{
	struct gr_meminfo mem = { 0 };
	char *line;

	while ((line = gr_next_line(&text))) {
		char *key = gr_next_word(&line), *number, *unit;
		struct gr_figure *figure;
		size_t len;

		if (key && !strcmp(key, "Node") && gr_next_word(&line))
			key = gr_next_word(&line);
		len = key ? strlen(key) : 0;
		if (!len || key[len - 1] != ':')
			continue;
		key[len - 1] = '\0';
		figure = find_line(&mem, key);
		if (!figure)
			continue;
		number = gr_next_word(&line);
		unit = gr_next_word(&line);
		if (!number || !unit || strcmp(unit, "kB") != 0 ||
		    gr_parse_u64(number, &figure->value) < 0 ||
		    __builtin_mul_overflow(figure->value, 1024, &figure->value))
			return -EBADMSG;
		figure->known = true;
	}
	*ret = mem;
	return 0;
}

uint64_t gr_meminfo_file(const struct gr_meminfo *mem)
{
	return gr_add_saturating(mem->active_file.value, mem->inactive_file.value);
}

uint64_t gr_meminfo_reclaimable(const struct gr_meminfo *mem)
{
	/* KReclaimable (4.20) is SReclaimable and more. */
	return mem->kernel_reclaimable.known ? mem->kernel_reclaimable.value
					     : mem->slab_reclaimable.value;
}

static int malformed(struct gr_error *err, const char *what)
{
	return gr_error_set(err, GR_CLASS_SYSTEM, EBADMSG, "/proc/meminfo: %s", what);
}

int gr_host_read_memory(const struct gr_root *root, struct gr_host *host, struct gr_error *err)
{
	_cleanup_free_ char *text = NULL;
	struct gr_meminfo mem;
	int r;

	r = gr_root_read(root, "proc/meminfo", &text, NULL, err);
	if (r < 0)
		return r;
	if (gr_meminfo_parse(text, &mem) < 0)
		return malformed(err, "a line holds no number");
	if (!mem.total.known || !mem.free.known)
		return malformed(err, "no MemTotal or no MemFree");

	host->mem_total_bytes = mem.total.value;
	host->mem_free_bytes = mem.free.value;
	host->swap_known = mem.swap_free.known;
	host->swap_free_bytes = mem.swap_free.value;
	host->page_tables_known = mem.page_tables.known;
	host->page_tables_bytes = mem.page_tables.value;
	host->hugetlb_bytes = mem.hugetlb;
	host->cma_total_bytes = mem.cma_total;
	host->default_page_size_bytes = mem.hugepagesize.value;
	r = gr_host_read_nodes(root, &mem, host);
	return r == -ENOMEM ? gr_error_nomem(err) : r;
}
