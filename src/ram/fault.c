// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * MADV_POPULATE_WRITE asks the kernel for a whole range and answers -EFAULT where a touch would be
 * a SIGBUS. Where it is missing (Linux before 5.14: EINVAL), each page is written by a system call
 * (process_vm_readv to ourselves), which answers -EFAULT as well: no signal handler is needed, and
 * a library must not install one.
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

int gr_fault_open(const struct gr_ram *ram, struct gr_fault_source *ret)
{
	ret->page_size_bytes = ram->page_size_bytes;
	if (ram->backing == GR_BACKING_THP)
		ret->page_size_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	atomic_init(&ret->method, GR_FAULT_POPULATE);
	return 0;
}

void gr_fault_close(struct gr_fault_source *source)
{
	(void)source;
}

static int touch_range(uint64_t page_size_bytes, char *at, uint64_t bytes)
{
	char zero = 0;
	struct iovec from = { .iov_base = &zero, .iov_len = 1 };

	for (uint64_t done = 0; done < bytes; done += page_size_bytes) {
		struct iovec to = { .iov_base = at + done, .iov_len = 1 };

		if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) != 1)
			return -EFAULT;
	}
	return 0;
}

int gr_fault_range(struct gr_fault_source *source, void *at, uint64_t bytes)
{
	if (atomic_load(&source->method) == GR_FAULT_POPULATE) {
		int r;

		do
			r = madvise(at, bytes, MADV_POPULATE_WRITE) < 0 ? -errno : 0;
		while (r == -EINTR || r == -EAGAIN);
		if (r != -EINVAL)
			return r;
		atomic_store(&source->method, GR_FAULT_TOUCH);
	}
	return touch_range(source->page_size_bytes, at, bytes);
}
