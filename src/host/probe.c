// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Features that only a system call can tell. Each probe asks with arguments with which the kernel
 * has nothing to do (no bytes, no address, no process) and looks at which error comes back; none
 * changes anything. Only for the real host: a capture has no kernel to ask.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/util.h"
#include "host/read.h"

/* Newer than the headers of the systems we build on. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MFD_HUGETLB
#define MFD_HUGETLB 4U
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#define USERFAULTFD_USER_MODE_ONLY 1
#define PAGEMAP_SCAN_IOCTL _IOC(_IOC_READ | _IOC_WRITE, 'f', 16, 96)

/* A seccomp filter answers EPERM for what it does not know: then nothing is known. */
static int answer(int errnum, int errno_of_no)
{
	if (errnum == errno_of_no || errnum == ENOSYS)
		return 0;
	return errnum == EPERM || errnum == EACCES ? -errnum : 1;
}

static int probe_madvise(int advice)
{
	/* The advice is checked before the (empty) range. */
	return madvise(NULL, 0, advice) == 0 ? 1 : answer(errno, EINVAL);
}

static int probe_populate_write(const struct gr_root *root)
{
	return probe_madvise(MADV_POPULATE_WRITE);
}

static int probe_collapse(const struct gr_root *root)
{
	return probe_madvise(MADV_COLLAPSE);
}

static int probe_pagemap_scan(const struct gr_root *root)
{
	_cleanup_close_ int fd = gr_root_open_fd(root, "proc/self/pagemap", O_RDONLY, 0, NULL);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	/* Known, it fails to read its argument from NULL (EFAULT). */
	return ioctl(fd, PAGEMAP_SCAN_IOCTL, NULL) == 0 ? 1 : answer(errno, ENOTTY);
}

static int probe_process_madvise(const struct gr_root *root)
{
	return syscall(SYS_process_madvise, -1, NULL, 0, MADV_COLLAPSE, 0) == 0
		       ? 1
		       : answer(errno, ENOSYS);
}

static int probe_pidfd(const struct gr_root *root)
{
	_cleanup_close_ int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	return fd >= 0 ? 1 : answer(errno, ENOSYS);
}

static int probe_memfd_hugetlb(const struct gr_root *root)
{
	/* An empty file takes and reserves no page. */
	_cleanup_close_ int fd =
		(int)syscall(SYS_memfd_create, "guestram-probe", MFD_CLOEXEC | MFD_HUGETLB);

	if (fd >= 0)
		return 1;
	return errno == EINVAL || errno == ENOENT || errno == ENODEV ? 0 : answer(errno, ENOSYS);
}

static int probe_userfaultfd(const struct gr_root *root)
{
	_cleanup_close_ int fd =
		(int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | USERFAULTFD_USER_MODE_ONLY);

	/* Before 5.11 the flag is unknown, the call is not. */
	return fd >= 0 ? 1 : answer(errno, ENOSYS);
}

static const struct {
	const char *feature, *source;
	int (*ask)(const struct gr_root *root);
} probes[] = {
	{ "populate_write", "madvise(MADV_POPULATE_WRITE)", probe_populate_write },
	{ "collapse", "madvise(MADV_COLLAPSE)", probe_collapse },
	{ "pagemap_scan", "ioctl(PAGEMAP_SCAN)", probe_pagemap_scan },
	{ "process_madvise", "process_madvise()", probe_process_madvise },
	{ "pidfd", "pidfd_open()", probe_pidfd },
	{ "memfd_hugetlb", "memfd_create(MFD_HUGETLB)", probe_memfd_hugetlb },
	{ "userfaultfd", "userfaultfd()", probe_userfaultfd },
};

const char *gr_probe_name(size_t i, const char **ret_source)
{
	if (i >= GR_ARRAY_SIZE(probes))
		return NULL;
	*ret_source = probes[i].source;
	return probes[i].feature;
}

int gr_probe(const struct gr_root *root, size_t i)
{
	return gr_root_is_host(root) ? probes[i].ask(root) : -ENOTSUP;
}
