// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the library says about a process, in the words of helpers/mixer.c, a line per region. It
 * needs no JSON, so that test guests without python can compare by grep, and it costs what the
 * library costs and nothing else.
 *
 *   look [--exact] PID
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/root.h"
#include "base/util.h"
#include "verify/process.h"
#include "verify/verify.h"

static void print_sizes(const char *key, const struct gr_bytes_by_size *sizes, size_t count)
{
	printf(" %s=", key);
	for (size_t i = 0; i < count; i++)
		printf("%s%" PRIu64 ":%" PRIu64, i ? "," : "", sizes[i].page_size_bytes,
		       sizes[i].bytes);
}

static uint64_t on_known_nodes(const struct gr_bytes_by_node *nodes, size_t count)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < count; i++)
		bytes += nodes[i].node >= 0 ? nodes[i].bytes : 0;
	return bytes;
}

static void print_region(const struct gr_region *region, bool exact)
{
	printf("%" PRIx64 " size=%" PRIu64, region->start, region->size_bytes);
	print_sizes("pages", region->by_size, region->by_size_count);
	if (exact && region->exact.known)
		print_sizes("folios", region->exact.by_size, region->exact.by_size_count);
	else
		fputs(" folios=unknown", stdout);
	if (region->scan_known)
		printf(" scan=%" PRIu64 ":%" PRIu64 ":%" PRIu64, region->scan_present_bytes,
		       region->scan_huge_bytes, region->scan_swapped_bytes);
	else
		fputs(" scan=unknown", stdout);
	printf(" swap=%" PRIu64 " lock=%" PRIu64 " partly=%" PRIu64 "\n", region->swapped_bytes,
	       region->locked_bytes, region->exact.partly_bytes);
}

/* Both ways of telling nodes have to account for every byte. */
static bool nodes_add_up(const struct gr_inspection *i)
{
	uint64_t bytes = on_known_nodes(i->by_node, i->by_node_count);

	if (bytes != i->populated_bytes)
		return false;
	return !i->exact.known ||
	       on_known_nodes(i->exact.by_node, i->exact.by_node_count) == i->populated_bytes;
}

/* What it took at most, itself: a parent would count its own memory before exec() as well. */
static void print_peak(const struct gr_root *root)
{
	uint64_t bytes;

	if (gr_process_status_bytes(root, getpid(), "VmHWM", &bytes) == 0)
		printf("peak: %" PRIu64 "\n", bytes);
}

int main(int argc, char **argv)
{
	_cleanup_inspection_ struct gr_inspection *i = NULL;
	_cleanup_root_ struct gr_root *root = NULL;
	bool exact = argc == 3 && !strcmp(argv[1], "--exact");
	struct gr_error error = { 0 };
	int r = argc == 2 + exact ? gr_root_open(NULL, &root, &error) : -EINVAL;

	if (r == 0)
		r = exact ? gr_inspect_exact(root, atoi(argv[2]), &i, &error) :
			    gr_inspect_pid(root, atoi(argv[1]), &i, &error);
	if (r < 0) {
		fprintf(stderr, "look: %s\n", error.message);
		return 1;
	}
	for (size_t k = 0; k < i->region_count; k++)
		print_region(&i->regions[k], exact);
	printf("nodes add up: %s\n", nodes_add_up(i) ? "yes" : "NO");
	printf("oracles: %s\n", !i->scan_known			 ? "one" :
				i->agreement == GR_ORACLES_AGREE ? "agree" :
								   "DISAGREE");
	print_peak(root);
	return 0;
}
