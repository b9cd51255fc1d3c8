// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What can be done with guest RAM without a VM: see whether a guest could have it, and touch it as
 * the guest would, from this process.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/util.h"
#include "vm/vm_private.h"

static int check_region(const struct gr_vm_region *regions, size_t i, struct gr_error *err)
{
	const struct gr_vm_region *r = &regions[i];
	uint64_t end;

	if (!r->host || !r->size_bytes)
		return gr_error_set(err, GR_CLASS_USAGE, EINVAL,
				    "micro-VM: region %zu of guest RAM is empty", i);
	if (((uintptr_t)r->host | r->guest_phys | r->size_bytes) % GR_VM_STEP_BYTES)
		return gr_error_set(err, GR_CLASS_USAGE, EINVAL,
				    "micro-VM: region %zu (%" PRIu64 " bytes at guest address 0x%"
				    PRIx64 ", host %p) is not in whole pages of %u bytes",
				    i, r->size_bytes, r->guest_phys, r->host, GR_VM_STEP_BYTES);
	if (__builtin_add_overflow(r->guest_phys, r->size_bytes, &end) ||
	    (uintptr_t)r->host + r->size_bytes < (uintptr_t)r->host)
		return gr_error_set(err, GR_CLASS_USAGE, EINVAL,
				    "micro-VM: region %zu (%" PRIu64 " bytes at guest address 0x%"
				    PRIx64 ") runs beyond the address space",
				    i, r->size_bytes, r->guest_phys);
	for (size_t k = 0; k < i; k++) {
		if (r->guest_phys < regions[k].guest_phys + regions[k].size_bytes &&
		    regions[k].guest_phys < end)
			return gr_error_set(err, GR_CLASS_USAGE, EINVAL,
					    "micro-VM: regions %zu and %zu overlap at guest address"
					    " 0x%" PRIx64, k, i,
					    gr_max_u64(r->guest_phys, regions[k].guest_phys));
	}
	return 0;
}

int gr_vm_check_regions(const struct gr_vm_region *regions, size_t count, uint64_t *ret_bytes,
			struct gr_error *err)
{
	uint64_t bytes = 0;
	int r;

	if (!regions || !count)
		return gr_error_set(err, GR_CLASS_USAGE, EINVAL,
				    "micro-VM: no guest RAM was given");
	for (size_t i = 0; i < count; i++) {
		r = check_region(regions, i, err);
		if (r < 0)
			return r;
		bytes += regions[i].size_bytes; /* disjoint below 2^64: no overflow */
	}
	*ret_bytes = bytes;
	return 0;
}

int gr_vm_touch(const struct gr_vm_region *regions, size_t count, struct gr_vm_report *ret_report,
		struct gr_error *err)
{
	struct gr_vm_report report = { .touch_step_bytes = GR_VM_STEP_BYTES };
	uint64_t bytes, start_ns;
	int r;

	r = gr_vm_check_regions(regions, count, &bytes, err);
	if (r < 0)
		return r;
	start_ns = gr_now_ns();
	for (size_t i = 0; i < count; i++) {
		for (uint64_t at = 0; at < regions[i].size_bytes; at += GR_VM_STEP_BYTES) {
			uint64_t *word = (uint64_t *)((char *)regions[i].host + at);
			uint64_t old = *(volatile uint64_t *)word;

			/* Writes what is there. An atomic OR of 0 may be compiled into a read. */
			__atomic_compare_exchange_n(word, &old, old, false, __ATOMIC_RELAXED,
						    __ATOMIC_RELAXED);
			report.touched_bytes += GR_VM_STEP_BYTES;
		}
	}
	report.elapsed_ns = gr_now_ns() - start_ns;
	*ret_report = report;
	return 0;
}
