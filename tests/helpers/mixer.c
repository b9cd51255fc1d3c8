// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A process whose memory is mixed in a known way. For every NAME it maps 32 MiB (more for
 * hugetlb-1g and giant), does to it what the name says, and prints what has to be found there, in
 * the words of helpers/look.c:
 *
 *   NAME START size=N pages=SIZE:BYTES folios=SIZE:BYTES scan=PRESENT:HUGE:SWAPPED swap=N lock=N
 *        partly=N
 *
 * then "ready", and waits until its standard input ends. Numbers follow from what was done here,
 * never from what the kernel says about it. A NAME that this machine cannot do ends it with 77.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MFD_HUGETLB
#define MFD_HUGETLB 0x0004U
#endif
#define HUGE_FLAG(log) (MFD_HUGETLB | (unsigned int)(log) << 26)

#define KIB UINT64_C(1024)
#define MIB (KIB * KIB)
#define PAGE (4 * KIB)
#define PMD (2 * MIB)
#define SIZE (32 * MIB)
#define CANNOT 77

struct mix {
	char *start;
	uint64_t size;
	uint64_t page[2], bytes[2]; /* by the page table; ascending */
	uint64_t folio[2], folio_bytes[2];
	uint64_t present, huge, swapped_entries;
	uint64_t swap, lock, partly;
};

static void cannot(const char *what)
{
	warn("this machine cannot: %s", what);
	exit(CANNOT);
}

/* An address at a multiple of @align with memory around it that is not to be used. */
static char *find_place(uint64_t bytes, uint64_t align)
{
	char *p = mmap(NULL, bytes + 2 * align, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return (char *)(((uintptr_t)p + align) & ~(align - 1));
}

static char *map_at(char *p, uint64_t bytes, int flags, int fd, uint64_t offset)
{
	if (mmap(p, bytes, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, (off_t)offset) ==
	    MAP_FAILED)
		cannot("mmap");
	return p;
}

static char *anonymous(int advice)
{
	char *p = map_at(find_place(SIZE, PMD), SIZE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (madvise(p, SIZE, advice) < 0)
		cannot("advice");
	return p;
}

static int memory_file(uint64_t bytes, unsigned int flags)
{
	int fd = memfd_create("mix", MFD_CLOEXEC | flags);

	if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0)
		cannot("memfd");
	return fd;
}

/* Not zero: a page of zeros may be taken away as underused. */
static void touch(char *p, uint64_t bytes, uint64_t step)
{
	for (uint64_t i = 0; i < bytes; i += step)
		((volatile char *)p)[i] = 1;
}

/* Collapse fails for want of a free huge page only; EAGAIN is to be tried again. */
static void collapse(char *p, uint64_t bytes)
{
	for (unsigned int i = 0; madvise(p, bytes, MADV_COLLAPSE) < 0; i++) {
		if (errno != EAGAIN || i == 20)
			cannot("MADV_COLLAPSE");
		usleep(10000);
	}
}

/* All on pages and in folios of one size. */
static struct mix plain(char *p, uint64_t size, uint64_t page, uint64_t folio, uint64_t bytes)
{
	return (struct mix){
		.start = p,
		.size = size,
		.page = { page },
		.bytes = { bytes },
		.folio = { folio },
		.folio_bytes = { bytes },
		.present = bytes,
		.huge = page > PAGE ? bytes : 0,
	};
}

static struct mix make_base(void)
{
	char *p = anonymous(MADV_NOHUGEPAGE);

	touch(p, SIZE / 2, PAGE);
	return plain(p, SIZE, PAGE, PAGE, SIZE / 2);
}

static struct mix make_sparse(void)
{
	char *p = anonymous(MADV_NOHUGEPAGE);

	touch(p, SIZE, 8 * PAGE);
	return plain(p, SIZE, PAGE, PAGE, SIZE / 8);
}

static struct mix make_zero(void)
{
	char *p = anonymous(MADV_NOHUGEPAGE);
	volatile char sink;

	for (uint64_t i = 0; i < SIZE; i += PAGE)
		sink = ((volatile char *)p)[i];
	(void)sink;
	return plain(p, SIZE, PAGE, PAGE, 0);
}

static struct mix make_thp(void)
{
	char *p = anonymous(MADV_HUGEPAGE);

	touch(p, SIZE / 2, PAGE);
	collapse(p, SIZE / 2);
	return plain(p, SIZE, PMD, PMD, SIZE / 2);
}

/* A quarter huge, a quarter small, half untouched. */
static struct mix make_mixed(void)
{
	char *p = anonymous(MADV_NOHUGEPAGE);
	struct mix mix;

	touch(p, SIZE / 2, PAGE);
	if (madvise(p, SIZE / 4, MADV_HUGEPAGE) < 0)
		cannot("MADV_HUGEPAGE");
	collapse(p, SIZE / 4);
	mix = plain(p, SIZE, PAGE, PAGE, SIZE / 4);
	mix.page[1] = mix.folio[1] = PMD;
	mix.bytes[1] = mix.folio_bytes[1] = mix.huge = SIZE / 4;
	mix.present = SIZE / 2;
	return mix;
}

/* One page of every huge page is dropped: 511 entries of 4 KiB that lie in a folio of 2 MiB. */
static struct mix make_thp_torn(void)
{
	char *p = anonymous(MADV_HUGEPAGE);
	uint64_t left = SIZE / PMD * (PMD - PAGE);
	struct mix mix;

	touch(p, SIZE, PAGE);
	collapse(p, SIZE);
	for (uint64_t i = 0; i < SIZE; i += PMD)
		madvise(p + i + 7 * PAGE, PAGE, MADV_DONTNEED);
	mix = plain(p, SIZE, PAGE, PMD, left);
	mix.partly = left;
	return mix;
}

/*
 * VMAs of 1 MiB hold no aligned 2 MiB, so that the next smaller size that is enabled is taken:
 * the test enables 64 KiB.
 */
static struct mix make_mthp(void)
{
	char *p = map_at(find_place(SIZE, PMD), SIZE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (uint64_t i = 0; i < SIZE; i += 2 * MIB) {
		if (madvise(p + i, MIB, MADV_DONTDUMP) < 0)
			cannot("MADV_DONTDUMP");
	}
	if (madvise(p, SIZE, MADV_HUGEPAGE) < 0)
		cannot("MADV_HUGEPAGE");
	touch(p, SIZE / 2, PAGE);
	return plain(p, SIZE, PAGE, 64 * KIB, SIZE / 2);
}

static struct mix make_locked(void)
{
	char *p = anonymous(MADV_NOHUGEPAGE);
	struct mix mix;

	touch(p, SIZE / 2, PAGE);
	if (mlock(p, SIZE / 4) < 0)
		cannot("mlock");
	mix = plain(p, SIZE, PAGE, PAGE, SIZE / 2);
	mix.lock = SIZE / 4;
	return mix;
}

static struct mix make_shmem(void)
{
	char *p = map_at(find_place(SIZE, PMD), SIZE, MAP_SHARED, memory_file(SIZE, 0), 0);

	touch(p, SIZE / 2, PAGE);
	return plain(p, SIZE, PAGE, PAGE, SIZE / 2);
}

static int collapsed_file(char **ret)
{
	int fd = memory_file(SIZE, 0);
	char *p = map_at(find_place(SIZE, PMD), SIZE, MAP_SHARED, fd, 0);

	touch(p, SIZE, PAGE);
	collapse(p, SIZE);
	*ret = p;
	return fd;
}

static struct mix make_shmem_thp(void)
{
	char *p;

	collapsed_file(&p);
	return plain(p, SIZE, PMD, PMD, SIZE);
}

/* The file has huge pages, but the address does not fit them: they are mapped by base pages. */
static struct mix make_shmem_askew(void)
{
	char *p;
	int fd = collapsed_file(&p);

	munmap(p, SIZE);
	p = map_at(find_place(SIZE, PMD) + 16 * PAGE, SIZE, MAP_SHARED, fd, 0);
	touch(p, SIZE, PAGE);
	return plain(p, SIZE, PAGE, PMD, SIZE);
}

/* The same file at two addresses is one piece of RAM. */
static struct mix make_twice(void)
{
	int fd = memory_file(SIZE, 0);
	char *p = map_at(find_place(SIZE, PMD), SIZE, MAP_SHARED, fd, 0);
	char *q = map_at(find_place(SIZE, PMD), SIZE, MAP_SHARED, fd, 0);

	if (q < p) { /* the first in the order of addresses is the one that is reported */
		char *swap = p;

		p = q;
		q = swap;
	}
	touch(p, SIZE, PAGE);
	touch(q, SIZE, PAGE);
	return plain(p, SIZE, PAGE, PAGE, SIZE);
}

/* What a private mapping has written is its own; what its file has is not. */
static struct mix make_private_file(void)
{
	int fd = memory_file(SIZE, 0);
	char *p = find_place(SIZE, PMD);

	if (fallocate(fd, 0, 0, (off_t)SIZE) < 0)
		cannot("fallocate");
	map_at(p, SIZE, MAP_PRIVATE, fd, 0);
	touch(p, SIZE / 4, PAGE);
	return plain(p, SIZE, PAGE, PAGE, SIZE / 4);
}

static void in_child_too(char *p, uint64_t bytes, bool lock)
{
	int ready[2];
	char c;
	pid_t pid;

	if (pipe(ready) < 0)
		err(1, "pipe");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (lock && mlock(p, bytes) < 0)
			_exit(1);
		touch(p, bytes, PAGE);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		close(0); /* the test's pipe ends with the parent's end */
		close(1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1)
		cannot("a second process");
	close(ready[0]);
}

/* Two processes: the kernel shows half of it as Locked to each. */
static struct mix make_locked_twice(void)
{
	char *p = map_at(find_place(SIZE, PMD), SIZE, MAP_SHARED, memory_file(SIZE, 0), 0);
	struct mix mix;

	touch(p, SIZE / 2, PAGE);
	if (mlock(p, SIZE / 2) < 0)
		cannot("mlock");
	in_child_too(p, SIZE / 2, true);
	mix = plain(p, SIZE, PAGE, PAGE, SIZE / 2);
	mix.lock = SIZE / 2;
	return mix;
}

static struct mix make_hugetlb(void)
{
	char *p = map_at(find_place(SIZE, PMD), SIZE, MAP_SHARED, memory_file(SIZE, HUGE_FLAG(21)),
			 0);

	touch(p, SIZE / 2, PMD);
	return plain(p, SIZE, PMD, PMD, SIZE / 2);
}

/* Mapped by two processes, the same pages are Shared_Hugetlb and no longer Private_Hugetlb. */
static struct mix make_hugetlb_twice(void)
{
	struct mix mix = make_hugetlb();

	in_child_too(mix.start, SIZE / 4, false);
	return mix;
}

static struct mix make_hugetlb_anonymous(void)
{
	char *p = map_at(find_place(SIZE, PMD), SIZE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (21 << 26), -1, 0);

	touch(p, SIZE / 2, PMD);
	return plain(p, SIZE, PMD, PMD, SIZE / 2);
}

static struct mix make_hugetlb_1g(void)
{
	const uint64_t gib = 1024 * MIB;
	char *p = map_at(find_place(gib, gib), gib, MAP_SHARED, memory_file(gib, HUGE_FLAG(30)), 0);

	touch(p, 1, 1);
	return plain(p, gib, gib, gib, gib);
}

/* 16 GiB of addresses: two huge pages, and a small one every 64 MiB. Take 64 of them for 1 TiB. */
static struct mix make_giant(void)
{
	const uint64_t size = 16 * 1024 * MIB, huge = 2 * PMD, step = 64 * MIB;
	char *p = map_at(find_place(size, PMD), size, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			 -1, 0);
	struct mix mix;

	if (madvise(p, huge, MADV_HUGEPAGE) < 0 ||
	    madvise(p + huge, size - huge, MADV_NOHUGEPAGE) < 0)
		cannot("advice");
	touch(p, huge, PAGE);
	collapse(p, huge);
	touch(p + step, size - step, step);
	mix = plain(p, size, PAGE, PAGE, (size / step - 1) * PAGE);
	mix.page[1] = mix.folio[1] = PMD;
	mix.bytes[1] = mix.folio_bytes[1] = mix.huge = huge;
	mix.present = mix.bytes[0] + huge;
	return mix;
}

static uint64_t own_swap_bytes(void)
{
	uint64_t kib = 0;
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "VmSwap: %" SCNu64, &kib);
	if (f)
		fclose(f);
	return kib * KIB;
}

/* Pages that were just made may not be on a list yet that they can be taken from: some tries. */
static void page_out(char *p, uint64_t bytes, bool anonymous_memory)
{
	const uint64_t before = own_swap_bytes();

	for (unsigned int i = 0; i < 20; i++) {
		if (madvise(p, bytes, MADV_PAGEOUT) < 0)
			cannot("MADV_PAGEOUT");
		if (anonymous_memory && own_swap_bytes() >= before + bytes)
			return;
		usleep(20000);
	}
	if (anonymous_memory)
		cannot("swap");
}

static struct mix make_swapped(void)
{
	char *p = anonymous(MADV_NOHUGEPAGE);
	struct mix mix;

	touch(p, SIZE / 2, PAGE);
	page_out(p, SIZE / 4, true);
	mix = plain(p, SIZE, PAGE, PAGE, SIZE / 4);
	mix.swap = mix.swapped_entries = SIZE / 4;
	return mix;
}

/* Of shared memory in swap the page table keeps no trace; smaps asks the file. */
static struct mix make_swapped_shmem(void)
{
	char *p = map_at(find_place(SIZE, PMD), SIZE, MAP_SHARED, memory_file(SIZE, 0), 0);
	struct mix mix;

	touch(p, SIZE / 2, PAGE);
	page_out(p, SIZE / 4, false);
	mix = plain(p, SIZE, PAGE, PAGE, SIZE / 4);
	mix.swap = SIZE / 4;
	return mix;
}

static const struct {
	const char *name;
	struct mix (*make)(void);
} mixes[] = {
	{ "base", make_base },
	{ "sparse", make_sparse },
	{ "zero", make_zero },
	{ "thp", make_thp },
	{ "mixed", make_mixed },
	{ "thp-torn", make_thp_torn },
	{ "mthp", make_mthp },
	{ "locked", make_locked },
	{ "locked-twice", make_locked_twice },
	{ "shmem", make_shmem },
	{ "shmem-thp", make_shmem_thp },
	{ "shmem-askew", make_shmem_askew },
	{ "twice", make_twice },
	{ "private-file", make_private_file },
	{ "hugetlb", make_hugetlb },
	{ "hugetlb-twice", make_hugetlb_twice },
	{ "hugetlb-anonymous", make_hugetlb_anonymous },
	{ "hugetlb-1g", make_hugetlb_1g },
	{ "giant", make_giant },
	{ "swapped", make_swapped },
	{ "swapped-shmem", make_swapped_shmem },
};

static void print_sizes(const char *key, const uint64_t *sizes, const uint64_t *bytes)
{
	const char *comma = "";

	printf(" %s=", key);
	for (unsigned int i = 0; i < 2; i++) {
		if (!bytes[i])
			continue;
		printf("%s%" PRIu64 ":%" PRIu64, comma, sizes[i], bytes[i]);
		comma = ",";
	}
}

static void make(const char *name)
{
	for (size_t i = 0; i < sizeof(mixes) / sizeof(mixes[0]); i++) {
		struct mix mix;

		if (strcmp(mixes[i].name, name) != 0)
			continue;
		mix = mixes[i].make();
		printf("%s %" PRIxPTR " size=%" PRIu64, name, (uintptr_t)mix.start, mix.size);
		print_sizes("pages", mix.page, mix.bytes);
		print_sizes("folios", mix.folio, mix.folio_bytes);
		printf(" scan=%" PRIu64 ":%" PRIu64 ":%" PRIu64, mix.present, mix.huge,
		       mix.swapped_entries);
		printf(" swap=%" PRIu64 " lock=%" PRIu64 " partly=%" PRIu64 "\n", mix.swap,
		       mix.lock, mix.partly);
		fflush(stdout); /* before another one forks */
		return;
	}
	errx(2, "no mix '%s'", name);
}

int main(int argc, char **argv)
{
	char c;

	for (int i = 1; i < argc; i++)
		make(argv[i]);
	puts("ready");
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	return 0;
}
