/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The built-in micro-VM: a guest of one vCPU without an operating system, which touches all of its
 * RAM and stops. It proves a backing end to end, through the page tables of KVM, without a VMM and
 * without an image. Where there is no KVM an ordinary process can do the same touching.
 */
#ifndef GR_VM_VM_H
#define GR_VM_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* One piece of guest RAM, in whole pages of 4 KiB. Regions may leave holes between them. */
struct gr_vm_region {
	void *host;          /* mapped here, readable and writable */
	uint64_t guest_phys; /* where the guest sees it */
	uint64_t size_bytes;
};

struct gr_vm_report {
	bool kvm;                  /* false: no VM ran */
	uint64_t touched_bytes;    /* pages the toucher counted x touch_step_bytes */
	uint64_t touch_step_bytes;
	uint64_t elapsed_ns;       /* of the touching alone */
	bool stats_known;          /* false: no statistics, or zero for all sizes after touching */
	uint64_t pages_4k, pages_2m, pages_1g; /* KVM's own mappings, by size */
	uint64_t instructions_hint; /* about how many the guest executed; 0 without a VM */
};

/**
 * gr_vm_run - run a guest over @regions; it writes to every 4 KiB page of its RAM and counts them
 * @kvm_fd: /dev/kvm opened by the caller, or the negative errno which that gave
 * @regions: guest RAM; nothing else is mapped into the guest
 *
 * The guest does not change what the pages hold, with one exception: its code and page tables lie
 * at the start of the first region that has room for them (8 KiB, and 4 KiB per GiB of guest
 * addresses) while it runs, and are zeroes afterwards. A signal does not end the run. Populate
 * first: writing them is a SIGBUS here where a page is not to be had.
 *
 * Return: 0; -ENOENT, -EACCES (class host) when /dev/kvm is missing or forbidden; -EINVAL (class
 * usage) for regions that no guest can have; -ENOTSUP (class host) on an architecture for which
 * there is no guest; -EFAULT (class host) when the host had no page for an address that the guest
 * touched; -EIO when the guest stopped early or counted wrongly; other -errno of KVM.
 */
int gr_vm_run(int kvm_fd, const struct gr_vm_region *regions, size_t count,
	      const volatile int *interrupted, struct gr_vm_report *ret_report,
	      struct gr_error *err);

/**
 * gr_vm_touch - the same touching by this process, without a VM; contents are not changed
 *
 * Populate first: a page that is not to be had is a SIGBUS here, as for any toucher.
 * Return: 0; -EINVAL (class usage) as above.
 */
int gr_vm_touch(const struct gr_vm_region *regions, size_t count, struct gr_vm_report *ret_report,
		struct gr_error *err);

#endif
