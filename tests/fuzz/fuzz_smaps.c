// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The parsers of /proc/PID. The first byte chooses one: 's' smaps, with recognition and the sums
 * made of it, 'n' numa_maps, 't' stat, 'c' cmdline. Seeds: corpus/smaps.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "guest/argv.h"
#include "verify/numa_maps.h"
#include "verify/pages.h"
#include "verify/process.h"
#include "verify/recognise.h"
#include "verify/smaps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_smaps(char *text)
{
	_cleanup_smaps_ struct gr_smaps smaps = { 0 };
	_cleanup_spans_ struct gr_spans spans = { 0 };
	const uint64_t wanted[] = { UINT64_C(1) << 30, UINT64_C(32) << 20 };

	if (gr_smaps_parse(text, &smaps, NULL) < 0)
		return;
	if (gr_recognise(&smaps, smaps.count % 2, wanted, smaps.count % 3, &spans) < 0)
		return;
	for (size_t i = 0; i < spans.count; i++) {
		const struct gr_span *span = &spans.spans[i];
		struct gr_region region;

		if (gr_region_fill(&smaps.vmas[span->first], span->count, NULL, -1, 4096, 2 << 20,
				   &region) < 0)
			return;
		gr_region_add_file(&region, region.size_bytes / 2, -1);
		if (region.populated_bytes < region.mapped_bytes)
			abort();
		gr_region_done(&region);
	}
}

static void fuzz_cmdline(const char *text, size_t size)
{
	_cleanup_argv_ char **argv = NULL;
	_cleanup_free_ char *name = NULL;
	size_t count;

	if (gr_argv_split(text, size, &argv, &count) == 0)
		gr_argv_vm_name(argv, &name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = malloc(size + 1);
	struct gr_numa_maps maps = { 0 };
	struct gr_stat stat;

	if (!size || !text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0]) {
	case 's':
		fuzz_smaps(text);
		break;
	case 'n':
		gr_numa_maps_parse(text, &maps, NULL);
		gr_numa_maps_done(&maps);
		break;
	case 't':
		gr_stat_parse(text, &stat);
		break;
	case 'c':
		fuzz_cmdline(text, size - 1);
		break;
	}
	return 0;
}
