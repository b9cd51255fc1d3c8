// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Where the huge pages of a process are: numa_maps has them per mapping and node, and says how many
 * of them are in no file. Whose the others are is known from the mapping's file.
 */
#include <string.h>

#include "base/util.h"
#include "verify/holder_process.h"
#include "verify/numa_maps.h"

static const struct gr_held_mapping *mapping_at(const struct gr_holder_one *one, uint64_t start)
{
	for (size_t i = 0; i < one->mapping_count; i++) {
		if (one->mappings[i].start == start)
			return &one->mappings[i];
	}
	return NULL;
}

/* The entry for what the process has for itself at that size. */
static struct gr_held *own_memory(struct gr_holder_one *one, uint64_t page_size_bytes)
{
	struct gr_holders *holders = &one->walk->holders;
	struct gr_held *held;

	for (size_t i = one->first_own; i < holders->count; i++) {
		if (holders->held[i].page_size_bytes == page_size_bytes)
			return &holders->held[i];
	}
	held = gr_held_add(holders);
	if (!held || gr_held_add_pid(held, one->pid) < 0)
		return NULL;
	held->page_size_bytes = page_size_bytes;
	return held;
}

static int add_own(struct gr_holder_one *one, const struct gr_numa_vma *vma, int node,
		   uint64_t bytes)
{
	struct gr_held *held = own_memory(one, vma->page_bytes);

	if (!held)
		return -ENOMEM;
	held->bytes += bytes;
	return node < 0 ? 0 : gr_held_add_share(held, node, bytes / vma->page_bytes);
}

/* The first process with pages of a file says where they are; others would say it again. */
static int add_to_file(struct gr_holder_one *one, const struct gr_held_mapping *mapping,
		       const struct gr_numa_vma *vma, int node, uint64_t bytes)
{
	struct gr_huge_file *file = &one->walk->files.files[mapping->file];

	if (!file->mapper)
		file->mapper = one->pid;
	if (file->mapper != one->pid)
		return 0;
	return gr_held_add_share(&one->walk->holders.held[file->held], node,
				 bytes / vma->page_bytes);
}

/* Where the pages of one VMA are: those of its file, and those of the process alone. */
static int take_vma(struct gr_holder_one *one, const struct gr_numa_maps *maps,
		    const struct gr_numa_vma *vma)
{
	const struct gr_held_mapping *mapping = mapping_at(one, vma->start);
	uint64_t sum = 0, anon = vma->anon_bytes;
	size_t nodes = 0;
	int r = 0;

	for (size_t i = 0; i < maps->count; i++) {
		sum += maps->shares[i].start == vma->start ? maps->shares[i].bytes : 0;
		nodes += maps->shares[i].start == vma->start;
	}
	/* A mapping that was not there a moment ago: what it has is the process's, as far as known.
	 */
	anon = mapping ? gr_min_u64(anon, sum) : sum;
	/* On several nodes it cannot be told which of the pages are whose. */
	if (anon && anon < sum && nodes > 1)
		return add_own(one, vma, -1, anon);
	for (size_t i = 0; i < maps->count && r >= 0; i++) {
		const struct gr_numa_share *share = &maps->shares[i];
		uint64_t own = gr_min_u64(anon, share->bytes);

		if (share->start != vma->start)
			continue;
		if (own)
			r = add_own(one, vma, share->node, own);
		if (r >= 0 && share->bytes > own)
			r = add_to_file(one, mapping, vma, share->node, share->bytes - own);
	}
	return r;
}

int gr_holder_numa(struct gr_holder_one *one)
{
	_cleanup_numa_maps_ struct gr_numa_maps maps = { 0 };
	_cleanup_free_ char *text = NULL;
	int r = gr_holder_read(one, "numa_maps", &text);

	one->first_own = one->walk->holders.count;
	if (r >= 0)
		r = gr_numa_maps_parse(text, &maps, NULL);
	for (size_t i = 0; i < maps.vma_count && r >= 0; i++) {
		if (!maps.vmas[i].huge)
			continue;
		r = take_vma(one, &maps, &maps.vmas[i]);
		one->holds = true;
	}
	return gr_holder_gone(r) ? 0 : r;
}

int gr_process_taken(const struct gr_root *root, pid_t pid, struct gr_taken **ret,
		     size_t *ret_count)
{
	_cleanup_numa_maps_ struct gr_numa_maps maps = { 0 };
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ struct gr_taken *taken = NULL;
	size_t count = 0;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "proc/%d/numa_maps", (int)pid);
	r = gr_root_read(root, path, &text, NULL, NULL);
	if (r >= 0)
		r = gr_numa_maps_parse(text, &maps, NULL);
	if (r < 0)
		return r;
	for (size_t i = 0, k = 0; i < maps.vma_count; i++) {
		const struct gr_numa_vma *vma = &maps.vmas[i];

		for (; k < maps.count && maps.shares[k].start == vma->start; k++) {
			if (!vma->huge)
				continue;
			if (gr_grow(&taken, count, sizeof(*taken)) < 0)
				return -ENOMEM;
			taken[count++] =
				(struct gr_taken){ vma->page_bytes, maps.shares[k].node,
						   maps.shares[k].bytes / vma->page_bytes };
		}
	}
	*ret = gr_steal_ptr(taken);
	*ret_count = count;
	return 0;
}
