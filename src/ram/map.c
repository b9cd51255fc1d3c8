// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Mapping guest RAM: reserve address space, place it, name it, bind it to its nodes and advise the
 * kernel, all before the first touch, because afterwards none of it would count. Mapping shared
 * huge pages makes the kernel reserve them: a shortage is an error here and no SIGBUS later.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/mempolicy.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/size.h"
#include "base/util.h"
#include "ram/backing.h"

#ifndef MFD_HUGE_SHIFT
#define MFD_HUGE_SHIFT 26
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

#define NODES_MAX 1024
#define WORD_BITS (sizeof(unsigned long) * CHAR_BIT)

static int system_error(struct gr_error *err, const char *what)
{
	return gr_error_set(err, GR_CLASS_SYSTEM, errno, "%s: %s", what, strerror(errno));
}

static unsigned int log2_of(uint64_t size)
{
	return 63u - (unsigned int)__builtin_clzll(size);
}

/* A memfd of whole pages, named so that people and `guestram inspect` know it. */
static int make_file(const struct gr_ram_options *options, const struct gr_backing_row *row,
		     uint64_t size_bytes, struct gr_error *err)
{
	unsigned int flags = MFD_CLOEXEC;
	_cleanup_close_ int fd = -1;
	struct rlimit limit;
	char name[240], buf[GR_TEXT_MAX];

	/* A memfd is a file: growing it beyond the limit would be a deadly signal (SIGXFSZ). */
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
	    limit.rlim_cur < size_bytes) {
		int r = gr_error_set(err, GR_CLASS_HOST, EFBIG,
				     "the limit of file sizes is %s, guest RAM is a file of %s",
				     gr_size_text(limit.rlim_cur, name),
				     gr_size_text(size_bytes, buf));

		gr_error_hint(err, "`ulimit -f unlimited` lifts it (LimitFSIZE= in a unit)");
		return r;
	}
	snprintf(name, sizeof(name), "guestram:%.200s", options->name ? options->name : "vm");
	if (row->hugetlb)
		flags |= MFD_HUGETLB | log2_of(options->page_size_bytes) << MFD_HUGE_SHIFT;
	fd = memfd_create(name, flags);
	if (fd < 0) {
		int r = gr_error_set(err, GR_CLASS_HOST, errno, "cannot make a memfd of %s pages: %s",
				     gr_size_text(options->page_size_bytes, buf), strerror(errno));

		gr_error_hint(err, "`guestram host` lists the page sizes of this kernel");
		return r;
	}
	if (ftruncate(fd, (off_t)size_bytes) < 0)
		return system_error(err, "ftruncate of the memfd");
	return gr_steal_fd(&fd);
}

static int policy_mode(enum gr_node_policy policy)
{
	switch (policy) {
	case GR_POLICY_PREFERRED:
		return MPOL_PREFERRED;
	case GR_POLICY_INTERLEAVE:
		return MPOL_INTERLEAVE;
	default: /* nodes without a policy mean those nodes */
		return MPOL_BIND;
	}
}

static int bind_nodes(const struct gr_ram_options *options, void *base, uint64_t size_bytes,
		      struct gr_error *err)
{
	unsigned long mask[NODES_MAX / WORD_BITS] = { 0 };
	_cleanup_free_ char *list = NULL;

	if (!options->host_nodes.count)
		return 0;
	for (size_t i = 0; i < options->host_nodes.count; i++) {
		unsigned int id = options->host_nodes.ids[i];

		if (id < NODES_MAX)
			mask[id / WORD_BITS] |= 1ul << (id % WORD_BITS);
	}
	if (syscall(SYS_mbind, base, size_bytes, policy_mode(options->policy), mask, NODES_MAX + 1ul,
		    0) == 0)
		return 0;
	if (errno == ENOSYS && options->host_nodes.count == 1 && options->host_nodes.ids[0] == 0)
		return 0; /* a kernel without NUMA has one node */
	list = gr_list_text(&options->host_nodes);
	return gr_error_set(err, errno == EPERM ? GR_CLASS_HOST : GR_CLASS_SYSTEM, errno,
			    "cannot bind memory to host node %s: %s", list ? list : "?",
			    strerror(errno));
}

static uint64_t guard_bytes(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

/*
 * Maps @size_bytes at a multiple of @align, with an inaccessible page on either side: neighbours in
 * the address space can neither run into guest RAM nor be taken for it.
 */
static void *map_guarded(uint64_t size_bytes, uint64_t align, int flags, int fd)
{
	uint64_t guard = guard_bytes(), room = size_bytes + align + 2 * guard;
	char *space, *at, *end;

	space = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (space == MAP_FAILED)
		return MAP_FAILED;
	at = (char *)(((uintptr_t)space + guard + align - 1) & ~(uintptr_t)(align - 1));
	end = at + size_bytes + guard;
	if (mmap(at, size_bytes, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0) == MAP_FAILED) {
		int saved = errno;

		munmap(space, room);
		errno = saved;
		return MAP_FAILED;
	}
	if (at - guard > space)
		munmap(space, (size_t)(at - guard - space));
	if (end < space + room)
		munmap(end, (size_t)(space + room - end));
	return at;
}

static int map_error(const struct gr_ram_options *options, const struct gr_backing_row *row,
		     uint64_t size_bytes, struct gr_error *err)
{
	char size[GR_TEXT_MAX], page[GR_TEXT_MAX];
	int errnum = errno, r;

	if (!row->hugetlb)
		return gr_error_set(err, GR_CLASS_HOST, errnum, "cannot map %s: %s",
				    gr_size_text(size_bytes, size), strerror(errnum));
	r = gr_error_set(err, GR_CLASS_HOST, errnum,
			 "the pool of %s pages cannot promise %s: %s",
			 gr_size_text(options->page_size_bytes, page),
			 gr_size_text(size_bytes, size), strerror(errnum));
	gr_error_hint(err, "`guestram host` shows what is free in it; --backing dynamic adds pages");
	return r;
}

int gr_ram_map(const struct gr_ram_options *options, struct gr_ram *ret, struct gr_error *err)
{
	const struct gr_backing_row *row = &gr_backings[options->backing];
	int flags = options->shared || options->as_file ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
	struct gr_ram ram = { .fd = -1, .page_size_bytes = options->page_size_bytes,
			      .backing = options->backing, .shared = flags == MAP_SHARED };
	int r;

	if (!options->size_bytes || options->page_size_bytes & (options->page_size_bytes - 1) ||
	    __builtin_add_overflow(options->size_bytes, options->page_size_bytes - 1,
				   &ram.size_bytes) || ram.size_bytes > INT64_MAX / 2)
		return gr_error_set(err, GR_CLASS_USAGE, EINVAL, "no RAM can be of that size");
	ram.size_bytes &= ~(options->page_size_bytes - 1);
	if (flags == MAP_SHARED) {
		ram.fd = make_file(options, row, ram.size_bytes, err);
		if (ram.fd < 0)
			return ram.fd;
	} else if (row->hugetlb) {
		flags |= MAP_HUGETLB | (int)(log2_of(options->page_size_bytes) << MFD_HUGE_SHIFT);
	} else {
		flags |= MAP_NORESERVE;
	}
	ram.base = map_guarded(ram.size_bytes, options->page_size_bytes, flags, ram.fd);
	if (ram.base == MAP_FAILED) {
		r = map_error(options, row, ram.size_bytes, err);
		ram.base = NULL;
		goto failed;
	}
	if (ram.fd < 0 && !row->hugetlb)
		prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, ram.base, ram.size_bytes, "guestram");
	r = bind_nodes(options, ram.base, ram.size_bytes, err);
	if (r < 0)
		goto failed;
	/* A kernel without THP refuses the advice; its pages are small as it is. */
	if (row->advice && madvise(ram.base, ram.size_bytes, row->advice) < 0 && errno != EINVAL) {
		r = system_error(err, "madvise");
		goto failed;
	}
	*ret = ram;
	return 0;
failed:
	gr_ram_unmap(&ram);
	return r;
}

void gr_ram_unmap(struct gr_ram *ram)
{
	uint64_t guard = guard_bytes();

	if (ram->base)
		munmap((char *)ram->base - guard, ram->size_bytes + 2 * guard);
	if (ram->fd >= 0)
		close(ram->fd);
	*ram = (struct gr_ram){ .fd = -1 };
}
