// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A process whose memory is known by construction: for every SPEC it maps SIZE bytes of KIND
 * between two guard pages, makes PERCENT of them present, says where ("KIND START SIZE"), prints
 * "ready" and waits until its standard input ends; a mapping of kind "churn" is written and
 * dropped in turn all the while. The tests of inspect compare what the kernel
 * says about it with what was built here.
 *
 *   mapper KIND:SIZE_MIB:PERCENT ...
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#ifndef MFD_HUGETLB
#define MFD_HUGETLB 0x0004U
#endif
#ifndef MFD_HUGE_2MB
#define MFD_HUGE_2MB (21U << 26)
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

#define MIB (UINT64_C(1) << 20)
#define HUGE_BYTES (2 * MIB)

/* How the wanted part becomes present. */
enum touch { TOUCH_WRITE, TOUCH_READ, TOUCH_FALLOCATE, TOUCH_LATER };

static const struct kind {
	const char *name;
	bool file, shared, halves; /* halves: two VMAs of one file, as mbind leaves them */
	unsigned int memfd_flags;
	int advice; /* -1: none */
	enum touch touch;
} kinds[] = {
	{ .name = "4k", .advice = MADV_NOHUGEPAGE },
	{ .name = "zero", .advice = MADV_NOHUGEPAGE, .touch = TOUCH_READ },
	{ .name = "thp", .advice = MADV_HUGEPAGE },
	{ .name = "churn", .advice = MADV_NOHUGEPAGE, .touch = TOUCH_LATER },
	{ .name = "shmem", .file = true, .shared = true, .advice = -1 },
	{ .name = "shmem-file",
	  .file = true,
	  .shared = true,
	  .advice = -1,
	  .touch = TOUCH_FALLOCATE },
	{ .name = "hugetlb-shared",
	  .file = true,
	  .shared = true,
	  .advice = -1,
	  .memfd_flags = MFD_HUGETLB | MFD_HUGE_2MB },
	{ .name = "hugetlb-halves",
	  .file = true,
	  .shared = true,
	  .halves = true,
	  .advice = -1,
	  .memfd_flags = MFD_HUGETLB | MFD_HUGE_2MB },
	{ .name = "hugetlb-private",
	  .file = true,
	  .advice = -1,
	  .memfd_flags = MFD_HUGETLB | MFD_HUGE_2MB },
	{ .name = "hugetlb-file",
	  .file = true,
	  .shared = true,
	  .advice = -1,
	  .memfd_flags = MFD_HUGETLB | MFD_HUGE_2MB,
	  .touch = TOUCH_FALLOCATE },
};

struct churn {
	char *p;
	uint64_t bytes;
};

static const struct kind *find_kind(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strlen(kinds[i].name) == len && !memcmp(kinds[i].name, name, len))
			return &kinds[i];
	}
	errx(2, "no kind '%.*s'", (int)len, name);
}

/* A 2 MiB aligned address with unmapped-for-use pages around it, so that no VMA merges. */
static char *find_place(uint64_t bytes)
{
	char *p = mmap(NULL, bytes + 2 * HUGE_BYTES, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uintptr_t aligned;

	if (p == MAP_FAILED)
		err(1, "mmap");
	aligned = ((uintptr_t)p + HUGE_BYTES) & ~(HUGE_BYTES - 1);
	return (char *)aligned;
}

static int make_file(const struct kind *k, uint64_t bytes)
{
	int fd = memfd_create("guestram:test", MFD_CLOEXEC | k->memfd_flags);

	if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0)
		err(1, "memfd of %s", k->name);
	return fd;
}

/* For good: another process stops it. */
static void *churn(void *data)
{
	const struct churn *c = data;
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	for (;;) {
		for (uint64_t i = 0; i < c->bytes; i += page)
			((volatile char *)c->p)[i] = 1;
		madvise(c->p, c->bytes, MADV_DONTNEED);
	}
	return NULL;
}

static void start_churn(char *p, uint64_t bytes)
{
	struct churn *c = malloc(sizeof(*c));
	pthread_t thread;

	if (!c)
		err(1, "malloc");
	*c = (struct churn){ .p = p, .bytes = bytes };
	errno = pthread_create(&thread, NULL, churn, c);
	if (errno)
		err(1, "pthread_create");
}

static void touch(const struct kind *k, char *p, uint64_t bytes, uint64_t part, int fd)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	volatile char sink;

	if (k->touch == TOUCH_FALLOCATE) {
		if (part && fallocate(fd, 0, 0, (off_t)part) < 0)
			err(1, "fallocate of %s", k->name);
		return;
	}
	if (k->touch == TOUCH_LATER) {
		start_churn(p, part);
		return;
	}
	for (uint64_t i = 0; i < part && i < bytes; i += page) {
		if (k->touch == TOUCH_READ)
			sink = ((volatile char *)p)[i];
		else
			((volatile char *)p)[i] = 1;
	}
	(void)sink;
}

static void map(const char *spec)
{
	const char *colon = strchr(spec, ':');
	const struct kind *k = find_kind(spec, colon ? (size_t)(colon - spec) : strlen(spec));
	unsigned long long mib = 0, percent = 0;
	int fd = -1, flags = MAP_FIXED;
	uint64_t bytes, half;
	char *p;

	if (!colon || sscanf(colon, ":%llu:%llu", &mib, &percent) != 2 || !mib || percent > 100)
		errx(2, "'%s' is no KIND:MIB:PERCENT", spec);
	bytes = mib * MIB;
	half = k->halves ? bytes / 2 : bytes;
	if (k->file)
		fd = make_file(k, bytes);
	flags |= (k->shared ? MAP_SHARED : MAP_PRIVATE) | (k->file ? 0 : MAP_ANONYMOUS);
	p = find_place(bytes);
	if (mmap(p, bytes, PROT_READ | PROT_WRITE, flags, fd, 0) == MAP_FAILED)
		err(1, "mmap of %s", spec);
	if (!k->file) /* refused by kernels without CONFIG_ANON_VMA_NAME: then it has no name */
		prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, p, bytes, "guestram");
	if (k->halves && madvise(p + half, bytes - half, MADV_DONTDUMP) < 0)
		err(1, "madvise of %s", spec);
	if (k->advice >= 0 && madvise(p, bytes, k->advice) < 0)
		err(1, "madvise of %s", spec);
	touch(k, p, bytes, bytes * percent / 100, fd);
	printf("%s %llx %llu\n", k->name, (unsigned long long)(uintptr_t)p,
	       (unsigned long long)bytes);
}

int main(int argc, char **argv)
{
	char c;

	for (int i = 1; i < argc; i++)
		map(argv[i]);
	puts("ready");
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	return 0;
}
