// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * fragment: puts a Linux host's free memory into a chosen, repeatable state.
 *
 *   fragment movable   MIB KEEP          anonymous 4 KiB pages, one in KEEP stays, chosen at random: the
 *                                        kernel's search for free pages goes in strides, and misses
 *                                        holes that come in strides of their own
 *   fragment locked    MIB KEEP          the same, and what stays is locked
 *   fragment unmovable MIB PAGES [SEED]  fills MIB with page tables, which cannot move, and frees all but
 *                                        PAGES of them, chosen at random
 *   fragment names     COUNT [MIB]       dentries of COUNT names that are not there; scattered, if MIB are
 *                                        filled first and a page anywhere in them freed for every few
 *
 * Prints "ready" when the state is reached and holds it until it is killed. The same SEED gives the same
 * order of holes. What is filled and freed again is zero, so that the saved guest is small and starts
 * fast; what stays is not, since newer kernels keep pages of zeros without any swap.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEED UINT64_C(88172645463325252)
#define NAMES_PER_PAGE 12 /* 192 bytes of a dentry, 128 of its name */

static const size_t page = 4096, span = 2 << 20;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static char *anon(size_t bytes)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		       -1, 0);

	if (p == MAP_FAILED)
		die("mmap");
	madvise(p, bytes, MADV_NOHUGEPAGE);
	if (madvise(p, bytes, MADV_POPULATE_WRITE))
		die("MADV_POPULATE_WRITE");
	return p;
}

static void hold(void)
{
	puts("ready");
	fflush(stdout);
	pause();
}

static uint64_t rnd(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static size_t number(const char *text)
{
	return strtoull(text, NULL, 10);
}

/* MIB KEEP */
static char *movable(int argc, char **argv, size_t *ret_bytes)
{
	size_t bytes = number(argv[0]) << 20, keep = argc > 1 ? number(argv[1]) : 1;
	uint64_t seed = SEED;
	char *p = anon(bytes);

	for (size_t i = 0; i < bytes / page; i++) {
		if (keep && rnd(&seed) % keep)
			madvise(p + i * page, page, MADV_DONTNEED);
		else
			memset(p + i * page, 1, page / 4);
	}
	*ret_bytes = bytes;
	return p;
}

static void make_movable(int argc, char **argv)
{
	size_t bytes;

	movable(argc, argv, &bytes);
}

static void make_locked(int argc, char **argv)
{
	size_t bytes;
	char *p = movable(argc, argv, &bytes);

	/* What is there, not the holes. */
	if (mlock2(p, bytes, MLOCK_ONFAULT))
		die("mlock2");
}

/* COUNT [MIB] */
static void make_names(int argc, char **argv)
{
	size_t count = number(argv[0]), filled = argc > 1 ? number(argv[1]) << 20 : 0;
	uint64_t seed = SEED;
	char name[160], *p = filled ? anon(filled) : NULL;

	/* Long ones, so that each takes memory of its own beside the dentry. */
	for (size_t i = 0; i < count; i++) {
		if (p && i % NAMES_PER_PAGE == 0)
			madvise(p + rnd(&seed) % (filled / page) * page, page, MADV_DONTNEED);
		snprintf(name, sizeof(name), "/sys/%0100zu", i);
		access(name, F_OK);
	}
	if (p)
		munmap(p, filled);
}

/* MIB PAGES [SEED] */
static void make_unmovable(int argc, char **argv)
{
	size_t tables = (number(argv[0]) << 20) / page, want = argc > 1 ? number(argv[1]) : 0, made = 0;
	uint64_t seed = argc > 2 ? number(argv[2]) : SEED;
	/* Read faults: each 2 MiB take one page table, and all map the same page of zeros. */
	char *p = mmap(NULL, tables * span, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *keep = calloc(tables, 1);

	if (p == MAP_FAILED || !keep)
		die("mmap");
	madvise(p, tables * span, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < tables; i++)
		(void)*(volatile char *)(p + i * span);
	while (made < want && made < tables) {
		size_t i = rnd(&seed) % tables;

		made += !keep[i];
		keep[i] = 1;
	}
	for (size_t i = 0, from = 0; i <= tables; i++) {
		if (i < tables && !keep[i])
			continue;
		if (i > from && munmap(p + from * span, (i - from) * span))
			die("munmap");
		from = i + 1;
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*make)(int argc, char **argv);
	} states[] = {
		{ "movable", make_movable },
		{ "locked", make_locked },
		{ "names", make_names },
		{ "unmovable", make_unmovable },
	};

	for (size_t i = 0; argc > 2 && i < sizeof(states) / sizeof(states[0]); i++)
		if (!strcmp(argv[1], states[i].name)) {
			states[i].make(argc - 2, argv + 2);
			hold();
		}
	fprintf(stderr, "usage: fragment movable|locked|unmovable|names ...\n");
	return 2;
}
