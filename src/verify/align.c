// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * KVM decides slot by slot: where guest and host addresses differ modulo a page size, no page of
 * that size is used in the slot at all, however the host has mapped it; elsewhere all but the ends
 * that do not fill a page. QEMU's RAM starts at a multiple of 2 MiB or more on the host, but a PC's
 * RAM is cut below 4 GiB, and what follows the cut decides about 1 GiB pages.
 */
#include "verify/align.h"

#include <string.h>

#include "base/size.h"
#include "base/util.h"

/* Of a PC's address space: where RAM is cut, by hw/i386/pc_piix.c and pc_q35.c. */
#define FOUR_GIB (4 * GR_GIB)
#define HOLES_BELOW GR_MIB /* video memory and firmware */

uint64_t gr_slot_at_most(const struct gr_slot *slot, uint64_t page_bytes)
{
	uint64_t first, last, end;

	if (!page_bytes || (slot->guest ^ slot->host) & (page_bytes - 1) ||
	    __builtin_add_overflow(slot->guest, slot->size_bytes, &end) ||
	    __builtin_add_overflow(slot->guest, page_bytes - 1, &first))
		return 0;
	first &= ~(page_bytes - 1);
	last = end & ~(page_bytes - 1);
	return gr_sub_floor(last, first);
}

uint64_t gr_page_of_level(uint64_t base_page_bytes, uint64_t pmd_bytes)
{
	uint64_t bytes;

	if (!base_page_bytes || !pmd_bytes ||
	    __builtin_mul_overflow(pmd_bytes, pmd_bytes / base_page_bytes, &bytes))
		return 0;
	return bytes;
}

void gr_align_regions(struct gr_inspection *i)
{
	const uint64_t sizes[] = { i->pud_bytes, i->pmd_bytes, i->base_page_bytes };

	for (size_t k = 0; k < i->region_count; k++) {
		i->regions[k].alignment_bytes = 0;
		for (size_t s = 0; s < GR_ARRAY_SIZE(sizes); s++) {
			if (!sizes[s] || i->regions[k].start % sizes[s])
				continue;
			i->regions[k].alignment_bytes = sizes[s];
			break;
		}
	}
}

/* The part of @slot that lies in @region. Return: is there any? */
static bool cut_slot(const struct gr_region *region, const struct gr_slot *slot,
		     struct gr_slot *ret)
{
	uint64_t end, region_end, start = gr_max_u64(slot->host, region->start);

	if (__builtin_add_overflow(slot->host, slot->size_bytes, &end) ||
	    __builtin_add_overflow(region->start, region->size_bytes, &region_end))
		return false;
	end = gr_min_u64(end, region_end);
	if (start >= end)
		return false;
	*ret = (struct gr_slot){
		.guest = slot->guest + (start - slot->host),
		.host = start,
		.size_bytes = end - start,
	};
	return true;
}

int gr_align_take(struct gr_inspection *i, const struct gr_slot *slots, size_t count,
		  enum gr_slots_from from)
{
	for (size_t k = 0; k < i->region_count; k++) {
		struct gr_region *region = &i->regions[k];

		for (size_t s = 0; s < count; s++) {
			struct gr_slot part;

			if (!cut_slot(region, &slots[s], &part))
				continue;
			if (gr_grow(&region->slots, region->slot_count, sizeof(part)) < 0)
				return -ENOMEM;
			region->slots[region->slot_count++] = part;
			region->slots_from = from;
			/* A piece at either end of a slot lost no page by being cut here: the
			 * host's mapping ends there as well. */
			region->at_most_pmd_bytes += gr_slot_at_most(&part, i->pmd_bytes);
			region->at_most_pud_bytes += gr_slot_at_most(&part, i->pud_bytes);
		}
	}
	return 0;
}

/* RAM below 4 GiB ends here; 0: not a machine that we know. */
static uint64_t low_end(const struct gr_qemu *qemu)
{
	const char *machine = qemu->machine ? qemu->machine : "pc";
	uint64_t ram = qemu->memory_bytes;

	for (size_t k = 0; k < qemu->argc; k++) {
		if (strstr(qemu->argv[k], "max-ram-below-4g"))
			return 0;
	}
	if (!strcmp(machine, "pc") || !strncmp(machine, "pc-i440fx-", 10))
		return ram >= UINT64_C(0xe0000000) ? UINT64_C(0xc0000000) : ram;
	if (!strcmp(machine, "q35") || !strncmp(machine, "pc-q35-", 7))
		return ram >= UINT64_C(0xb0000000) ? UINT64_C(0x80000000) : ram;
	return 0;
}

/* Is it a PC's program? Others have RAM elsewhere. */
static bool is_pc(const struct gr_qemu *qemu)
{
	static const char *const names[] = { "qemu-system-x86_64", "qemu-system-i386", "qemu-kvm",
					     "kvm" };
	const char *slash = strrchr(qemu->argv[0], '/');
	const char *base = slash ? slash + 1 : qemu->argv[0];

	for (size_t k = 0; k < GR_ARRAY_SIZE(names); k++) {
		if (!strcmp(base, names[k]))
			return true;
	}
	return false;
}

/* The one region of that size. */
static const struct gr_region *only_region(const struct gr_inspection *i, uint64_t bytes)
{
	const struct gr_region *found = NULL;

	for (size_t k = 0; k < i->region_count; k++) {
		if (i->regions[k].size_bytes != bytes)
			continue;
		if (found)
			return NULL;
		found = &i->regions[k];
	}
	return found;
}

/* RAM [from, from + size) of the guest's whole RAM, at @host: one slot, or two around the hole. */
static size_t add_slots(uint64_t from, uint64_t host, uint64_t size, uint64_t low,
			struct gr_slot *ret)
{
	uint64_t end = from + size, low_start = gr_max_u64(from, HOLES_BELOW);
	size_t n = 0;

	if (low_start < gr_min_u64(end, low))
		ret[n++] = (struct gr_slot){
			.guest = low_start,
			.host = host + (low_start - from),
			.size_bytes = gr_min_u64(end, low) - low_start,
		};
	if (end > low) {
		uint64_t high = gr_max_u64(from, low);

		ret[n++] = (struct gr_slot){
			.guest = FOUR_GIB + (high - low),
			.host = host + (high - from),
			.size_bytes = end - high,
		};
	}
	return n;
}

size_t gr_align_derive(const struct gr_qemu *qemu, const struct gr_inspection *i,
		       struct gr_slot *ret)
{
	uint64_t low = low_end(qemu), at = 0;
	const struct gr_region *region;
	size_t n = 0;

	if (!low || !is_pc(qemu) || qemu->unknown_config)
		return 0;
	region = only_region(i, qemu->memory_bytes);
	if (region)
		return add_slots(0, region->start, region->size_bytes, low, ret);
	for (size_t k = 0; k < qemu->cell_count && n + 2 <= GR_SLOTS_MAX; k++) {
		uint64_t bytes =
			k < qemu->request.need_count ? qemu->request.needs[k].memory_bytes : 0;

		region = bytes ? only_region(i, bytes) : NULL;
		if (!region)
			return 0;
		n += add_slots(at, region->start, bytes, low, ret + n);
		at += bytes;
	}
	return at == qemu->memory_bytes ? n : 0;
}
