// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a boot was asked for. The first byte chooses: 'b' a kernel command line, 's' a sysctl file.
 * Seeds: corpus/boot_line.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "host/boot_pools.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Only sizes that there are, and never a count for a size and the undecided one. */
static void check(const struct gr_boot_pools *pools, const uint64_t *sizes)
{
	for (size_t i = 0; i < pools->count; i++) {
		if (pools->pools[i].page_size_bytes != sizes[0] &&
		    pools->pools[i].page_size_bytes != sizes[1])
			abort();
		if (pools->pools[i].node < -1)
			abort();
	}
	for (size_t i = 0; i < pools->ignored_count; i++) {
		if (!strstr(pools->ignored[i], ": "))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t sizes[] = { UINT64_C(2) << 20, UINT64_C(1) << 30 };
	_cleanup_free_ char *text = size ? strndup((const char *)data + 1, size - 1) : NULL;
	_cleanup_boot_pools_ struct gr_boot_pools pools = { 0 };
	uint64_t pages;

	if (!text)
		return 0;
	if (data[0] == 's')
		gr_sysctl_parse(text, &pages);
	else if (gr_boot_line_parse(text, sizes[0], sizes, 2, &pools) == 0)
		check(&pools, sizes);
	return 0;
}
