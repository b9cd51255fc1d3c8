// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Pages, page tables and waste. Which tables are counted: a table is one base page of 8-byte
 * entries, so with a base page of B bytes an entry of level k maps B * (B/8)^k bytes (4 KiB, 2 MiB,
 * 1 GiB with 4 KiB; 64 KiB, 512 MiB with 64 KiB). A page is mapped by the highest level whose
 * entries are not larger than it (64 KiB and 32 MiB pages of arm64 are runs of smaller entries).
 * Counted are the tables of that level and of the levels above, up to and with the first level
 * where one table covers the memory; tables above that one exist in every process anyway. The
 * memory is taken to be aligned. 8 GiB: 4,096 + 8 + 1 tables of 4 KiB with 4 KiB pages, 8 + 1 with
 * 2 MiB, 1 with 1 GiB. Each mapping (VMM, vhost-user, KVM's stage 2) costs that again.
 */
#include "base/util.h"
#include "plan/scope.h"

static uint64_t table_bytes(uint64_t bytes, uint64_t page_size, uint64_t base)
{
	uint64_t per_table = base / 8, entry = base, tables = 0;

	if (bytes == 0 || per_table < 2)
		return 0;
	while (entry <= page_size / per_table)
		entry *= per_table;
	for (;;) {
		uint64_t coverage = gr_mul_sat(entry, per_table);
		uint64_t here = gr_div_up(bytes, coverage);

		tables = gr_add_sat(tables, here);
		if (here == 1)
			return gr_mul_sat(tables, base);
		entry = coverage;
	}
}

void gr_arithmetic(const struct gr_request *request, uint64_t page_size_bytes,
		   uint64_t base_page_bytes, struct gr_arithmetic *ret)
{
	struct gr_arithmetic sum = { .page_size_bytes = page_size_bytes };

	for (size_t i = 0; i < request->need_count && page_size_bytes; i++) {
		uint64_t bytes = request->needs[i].memory_bytes, over = bytes % page_size_bytes;

		sum.pages = gr_add_sat(sum.pages, gr_div_up(bytes, page_size_bytes));
		sum.waste_bytes = gr_add_sat(sum.waste_bytes, over ? page_size_bytes - over : 0);
		sum.page_table_bytes = gr_add_sat(
			sum.page_table_bytes, table_bytes(bytes, page_size_bytes, base_page_bytes));
	}
	*ret = sum;
}
