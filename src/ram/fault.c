// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * MADV_POPULATE_WRITE asks the kernel for a whole range and answers -EFAULT where a touch would be
 * a SIGBUS. Where it is missing (Linux before 5.14: EINVAL), each page is touched by a system call
 * (process_vm_readv on ourselves), which answers -EFAULT as well: no signal handler is needed, and
 * a library must not install one. A shared page is only read, which allocates it just the same: a
 * VMM may have written to it already. A private page has to be written to get memory of its own.
 */
#include "ram/fault.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/util.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

void gr_fault_init(const struct gr_ram *ram, struct gr_fault_source *ret)
{
	atomic_init(&ret->by_touch, false);
	ret->shared = ram->shared;
	/* A transparent huge page may be missing: then each small one has to be touched. */
	ret->step_bytes = ram->backing == GR_BACKING_THP ? (uint64_t)sysconf(_SC_PAGESIZE) :
							   ram->page_size_bytes;
}

static int touch_range(const struct gr_fault_source *source, char *at, uint64_t bytes)
{
	char byte = 0;
	struct iovec own = { .iov_base = &byte, .iov_len = 1 };

	for (uint64_t done = 0; done < bytes; done += source->step_bytes) {
		struct iovec page = { .iov_base = at + done, .iov_len = 1 };
		ssize_t n = source->shared ? process_vm_readv(getpid(), &own, 1, &page, 1, 0) :
					     process_vm_readv(getpid(), &page, 1, &own, 1, 0);

		if (n != 1)
			return -EFAULT;
	}
	return 0;
}

int gr_fault_range(struct gr_fault_source *source, void *at, uint64_t bytes)
{
	int r;

	if (atomic_load(&source->by_touch))
		return touch_range(source, at, bytes);
	do
		r = madvise(at, bytes, MADV_POPULATE_WRITE) < 0 ? -errno : 0;
	while (r == -EINTR || r == -EAGAIN);
	if (r != -EINVAL)
		return r;
	atomic_store(&source->by_touch, true);
	return touch_range(source, at, bytes);
}
