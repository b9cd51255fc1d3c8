/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How guest-physical and host-virtual addresses lie to each other, and how much of the RAM the
 * second stage can map with large pages at most because of that. Pure.
 */
#ifndef GR_VERIFY_ALIGN_H
#define GR_VERIFY_ALIGN_H

#include "guest/qemu_argv.h"
#include "verify/verify.h"

#define GR_SLOTS_MAX 64 /* pieces of guest RAM that are looked at */

/**
 * gr_slot_at_most - bytes of a slot that one level of the second stage can map
 * @page_bytes: a power of two
 *
 * KVM maps a large page where all of it lies in one slot, and none in a slot whose guest and host
 * addresses differ modulo the page size.
 */
uint64_t gr_slot_at_most(const struct gr_slot *slot, uint64_t page_bytes);

/** gr_page_of_level - the page size one level above @pmd_bytes: 1 GiB for 2 MiB over 4 KiB. 0:
 * none. */
uint64_t gr_page_of_level(uint64_t base_page_bytes, uint64_t pmd_bytes);

/**
 * gr_align_regions - alignment_bytes of every region, by the inspection's page sizes
 */
void gr_align_regions(struct gr_inspection *inspection);

/**
 * gr_align_take - give each region the parts of @slots that lie in it, and what follows
 *
 * Regions that no slot touches stay unknown. Return: 0 or -ENOMEM.
 */
int gr_align_take(struct gr_inspection *inspection, const struct gr_slot *slots, size_t count,
		  enum gr_slots_from from);

/**
 * gr_align_derive - slots from QEMU's command line, where that is enough
 * @qemu: of a PC
 * @ret: room for GR_SLOTS_MAX
 *
 * PC machines put RAM at 0, leave a hole below 4 GiB, and go on at 4 GiB. It is enough for one
 * piece of RAM, and for cells of different sizes. The first MiB, which has holes of its own, is
 * left out. Return: how many slots; 0: the command line does not tell.
 */
size_t gr_align_derive(const struct gr_qemu *qemu, const struct gr_inspection *inspection,
		       struct gr_slot *ret);

#endif
