// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Acts under MPOL_BIND, whose policy is put back afterwards. nr_hugepages_mempolicy obeys the
 * policy of the task that writes it, and so does the fault that takes a huge page.
 */
#include "lease/bound.h"

#include <limits.h>
#include <linux/mempolicy.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/util.h"

#define NODES_MAX 1024
#define FILL_STEP_BYTES (UINT64_C(64) << 20)
#define WORD_BITS (sizeof(unsigned long) * CHAR_BIT)

struct policy {
	int mode;
	unsigned long nodes[NODES_MAX / WORD_BITS];
};

static int bind_to(int node, struct policy *ret_old, struct gr_error *err)
{
	struct policy to = { .mode = MPOL_BIND };

	*ret_old = (struct policy){ .mode = MPOL_DEFAULT };
	if (node < 0 || node >= NODES_MAX)
		return gr_error_set(err, GR_CLASS_HOST, EINVAL, "node %d is out of range", node);
	to.nodes[(size_t)node / WORD_BITS] |= 1ul << ((size_t)node % WORD_BITS);
	/* The kernel takes the number of nodes as one more than that of the bits. */
	if (syscall(SYS_get_mempolicy, &ret_old->mode, ret_old->nodes, NODES_MAX + 1ul, NULL,
		    0ul) < 0 ||
	    syscall(SYS_set_mempolicy, to.mode, to.nodes, NODES_MAX + 1ul) < 0)
		return gr_error_set(err, GR_CLASS_HOST, errno,
				    "cannot bind this task to node %d: %s", node, strerror(errno));
	return 0;
}

static void put_back(const struct policy *old)
{
	if (old->mode == MPOL_DEFAULT ||
	    syscall(SYS_set_mempolicy, old->mode, old->nodes, NODES_MAX + 1ul) < 0)
		syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0ul);
}

int gr_bound_write(const struct gr_root *root, const char *path, int node, uint64_t value,
		   struct gr_error *err)
{
	struct policy old;
	int r = bind_to(node, &old, err);

	if (r < 0)
		return r;
	r = gr_root_write_u64(root, path, value, NULL, err);
	put_back(&old);
	return r;
}

void gr_bound_cycle(const struct gr_root *root, int node, uint64_t page_size_bytes, uint64_t pages)
{
	/* Without MAP_NORESERVE the kernel would promise the pages first, and free surplus of any
	 * node when the promise goes. MAP_POPULATE fails silently, a touch would be SIGBUS. */
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_POPULATE | MAP_HUGETLB |
		    __builtin_ctzll(page_size_bytes) << MAP_HUGE_SHIFT;
	struct policy old;
	size_t bytes;
	void *p;

	if (!gr_root_is_host(root) || __builtin_mul_overflow(page_size_bytes, pages, &bytes) ||
	    (node >= 0 && bind_to(node, &old, NULL) < 0))
		return;
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (p != MAP_FAILED)
		munmap(p, bytes);
	if (node >= 0)
		put_back(&old);
}

/* Touched one by one where the kernel cannot do it at once (before 5.14). */
static void populate(char *p, size_t bytes)
{
	long page = sysconf(_SC_PAGESIZE);

	if (madvise(p, bytes, MADV_POPULATE_WRITE) == 0 || errno != EINVAL)
		return;
	for (size_t i = 0; i < bytes; i += (size_t)page)
		*(volatile char *)(p + i) = 0;
}

void gr_bound_fill(const struct gr_root *root, int node, uint64_t bytes, bool (*go_on)(void *data),
		   void *data)
{
	struct policy old;
	char *p;

	if (!gr_root_is_host(root) || bytes > SIZE_MAX || (node >= 0 && bind_to(node, &old, NULL) < 0))
		return;
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		 -1, 0);
	if (p != MAP_FAILED) {
		/* Huge pages would take whole free blocks, which are no trouble. */
		madvise(p, bytes, MADV_NOHUGEPAGE);
		for (uint64_t at = 0; at < bytes && go_on(data); at += FILL_STEP_BYTES)
			populate(p + at, gr_min_u64(FILL_STEP_BYTES, bytes - at));
		munmap(p, bytes);
	}
	if (node >= 0)
		put_back(&old);
}
