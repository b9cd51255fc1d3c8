// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * See the header. A page is made present by MADV_POPULATE_WRITE, which fails where a touch would be
 * SIGBUS. The kernel counts one page at a time, so pages are taken one at a time.
 */
#include "model_real.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIZE_DIR "hugepages-2048kB"
#define HUGE_2M (21 << 26) /* MAP_HUGE_2MB, MFD_HUGE_2MB */
#define MASK_BITS 65ul	   /* the kernel takes one more than there are */

static void die(const char *what)
{
	fprintf(stderr, "model_check: %s: %s\n", what, strerror(errno));
	exit(2);
}

static const char *pool_path(int node, const char *file)
{
	static char path[128];

	if (node < 0)
		snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/" SIZE_DIR "/%s", file);
	else
		snprintf(path, sizeof(path),
			 "/sys/devices/system/node/node%d/hugepages/" SIZE_DIR "/%s", node, file);
	return path;
}

static uint64_t read_file(int node, const char *file)
{
	const char *path = pool_path(node, file);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[32] = "";

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		die(path);
	close(fd);
	return strtoull(text, NULL, 10);
}

static void write_file(int node, const char *file, uint64_t value)
{
	const char *path = pool_path(node, file);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	char text[32];
	int len = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)value);

	if (fd < 0 || write(fd, text, (size_t)len) != len)
		die(path);
	close(fd);
}

int real_open(struct real *real)
{
	while (real->nodes <= MODEL_NODES && !access(pool_path(real->nodes, "nr_hugepages"), W_OK))
		real->nodes++;
	if (real->nodes && real->nodes <= MODEL_NODES)
		return 0;
	fprintf(stderr, "model_check: needs root, and nodes 0 to at most %d\n", MODEL_NODES - 1);
	return -1;
}

void real_read(const struct real *real, struct model_kernel *ret)
{
	for (int i = 0; i < real->nodes; i++) {
		ret->total[i] = read_file(i, "nr_hugepages");
		ret->free[i] = read_file(i, "free_hugepages");
		ret->surplus[i] = read_file(i, "surplus_hugepages");
	}
	ret->reserved = read_file(-1, "resv_hugepages");
	ret->overcommit = read_file(-1, "nr_overcommit_hugepages");
	/* Sums that are kept apart by the kernel. */
	if (read_file(-1, "nr_hugepages") != kernel_sum(ret, ret->total) ||
	    read_file(-1, "free_hugepages") != kernel_sum(ret, ret->free) ||
	    read_file(-1, "surplus_hugepages") != kernel_sum(ret, ret->surplus))
		ret->reserved = UINT64_MAX;
}

static void set_policy(int node)
{
	unsigned long mask = 1ul << (node & 63);

	if (syscall(SYS_set_mempolicy, node < 0 ? MPOL_DEFAULT : MPOL_BIND, node < 0 ? NULL : &mask,
		    node < 0 ? 0ul : MASK_BITS))
		die("set_mempolicy");
}

static void bind_map(void *map, size_t bytes, int node)
{
	unsigned long mask = 1ul << node;

	if (syscall(SYS_mbind, map, bytes, MPOL_BIND, &mask, MASK_BITS, 0ul))
		die("mbind");
}

void real_write(int node, int only, uint64_t count)
{
	if (only < 0) {
		write_file(node, "nr_hugepages", count);
		return;
	}
	set_policy(only);
	write_file(-1, "nr_hugepages_mempolicy", count);
	set_policy(-1);
}

void real_overcommit(uint64_t pages)
{
	write_file(-1, "nr_overcommit_hugepages", pages);
}

uint64_t real_take(struct real *real, int node, uint64_t pages)
{
	uint64_t got;

	for (got = 0; got < pages; got++) {
		void *map = mmap(
			NULL, REAL_PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_HUGETLB | HUGE_2M, -1, 0);

		if (map == MAP_FAILED)
			die("mmap without a reservation");
		bind_map(map, REAL_PAGE, node);
		if (madvise(map, REAL_PAGE, MADV_POPULATE_WRITE)) {
			munmap(map, REAL_PAGE);
			break;
		}
		real->held[node][real->held_count[node]++] = map;
	}
	return got;
}

uint64_t real_let_go(struct real *real, int node, uint64_t pages)
{
	uint64_t gone;

	for (gone = 0; gone < pages && real->held_count[node]; gone++)
		munmap(real->held[node][--real->held_count[node]], REAL_PAGE);
	return gone;
}

/* The first CPU of a node, from a list such as "2-3". */
static void run_on(int node)
{
	char path[64], text[32] = "";
	cpu_set_t cpus;
	int fd;

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/cpulist", node);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		die(path);
	close(fd);
	CPU_ZERO(&cpus);
	CPU_SET((size_t)strtoul(text, NULL, 10), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		die("sched_setaffinity");
}

bool real_promise(struct real *real, int slot, int node, bool shared, uint64_t pages)
{
	int flags = shared ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | HUGE_2M;
	int fd = shared ? (int)syscall(SYS_memfd_create, "model", MFD_HUGETLB | HUGE_2M) : -1;
	void *map;

	if (shared && (fd < 0 || ftruncate(fd, (off_t)(pages * REAL_PAGE))))
		die("memfd");
	run_on(node);
	map = mmap(NULL, pages * REAL_PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (fd >= 0)
		close(fd);
	if (map == MAP_FAILED)
		return false;
	bind_map(map, pages * REAL_PAGE, node);
	real->promises[slot] = (struct real_promise){ .map = map, .node = node, .pages = pages };
	return true;
}

uint64_t real_touch(struct real *real, int slot, uint64_t pages)
{
	struct real_promise *p = &real->promises[slot];
	uint64_t got;

	for (got = 0; got < pages && p->touched < p->pages; got++) {
		if (madvise(p->map + p->touched * REAL_PAGE, REAL_PAGE, MADV_POPULATE_WRITE))
			break;
		p->touched++;
	}
	return got;
}

void real_unpromise(struct real *real, int slot)
{
	munmap(real->promises[slot].map, real->promises[slot].pages * REAL_PAGE);
	real->promises[slot] = (struct real_promise){ 0 };
}

bool real_reset(struct real *real)
{
	struct model_kernel now = { .nodes = real->nodes };

	for (int i = 0; i < REAL_PROMISES; i++) {
		if (real->promises[i].map)
			real_unpromise(real, i);
	}
	for (int i = 0; i < real->nodes; i++)
		real_let_go(real, i, UINT64_MAX);
	real_overcommit(0);
	/* Free pages that are surplus are promoted first, or no write would drop them; so is
	 * surplus without pages, which a kernel can come to have. */
	for (int i = 0; i < real->nodes; i++) {
		real_read(real, &now);
		if (now.surplus[i])
			real_write(-1, i, kernel_persistent(&now, -1) + now.surplus[i]);
	}
	real_write(-1, -1, 0);
	real_read(real, &now);
	return !kernel_sum(&now, now.total) && !kernel_sum(&now, now.surplus) && !now.reserved;
}
