/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Between vm.c, which knows KVM, and what it needs from others: vm_x86.c, which knows a CPU,
 * vm_stats.c, which reads KVM's statistics, and vm_regions.c, which needs no VM. A guest for
 * another architecture is another vm_ARCH.c.
 */
#ifndef GR_VM_VM_PRIVATE_H
#define GR_VM_VM_PRIVATE_H

#include "vm/vm.h"

#define GR_VM_STEP_BYTES 4096u

/* The guest writes the low, then the high half of its page count to this port, and halts. */
#define GR_VM_PORT 0x6772u

/**
 * gr_vm_check_regions - whole pages, no overlap, within 64 bits
 *
 * Return: 0; -EINVAL (class usage), *ret_bytes untouched then.
 */
int gr_vm_check_regions(const struct gr_vm_region *regions, size_t count, uint64_t *ret_bytes,
			struct gr_error *err);

/* What the guest occupies of its own RAM while it runs. */
struct gr_vm_boot {
	void *host;
	uint64_t guest_phys;
	uint64_t size_bytes;
};

/**
 * gr_vm_guest_prepare - write code and page tables into guest RAM, set the vCPU to start there
 * @regions: checked by the caller
 * @ret_boot: set as soon as anything has been written; the caller clears it after the run
 */
int gr_vm_guest_prepare(int kvm_fd, int vcpu_fd, const struct gr_vm_region *regions, size_t count,
			struct gr_vm_boot *ret_boot, struct gr_error *err);

/** gr_vm_guest_instructions - about how many instructions that guest executes. */
uint64_t gr_vm_guest_instructions(const struct gr_vm_region *regions, size_t count);

/** gr_vm_read_stats - fill the pages_* and stats_known of @report; unknown is not an error. */
void gr_vm_read_stats(int vm_fd, struct gr_vm_report *report);

/** gr_vm_take_stats - the same from a file of statistics, as KVM_GET_STATS_FD gives. */
void gr_vm_take_stats(int stats_fd, struct gr_vm_report *report);

#endif
