// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * fragment: puts a Linux host's free memory into a chosen, repeatable state.
 *
 *   fragment movable   MIB KEEP          anonymous 4 KiB pages, every KEEP-th page stays
 *   fragment locked    MIB KEEP          the same, and what stays is locked
 *   fragment unmovable MIB PAGES [SEED]  fills MIB with page tables, which cannot move, and frees all but
 *                                        PAGES of them, chosen at random
 *   fragment names     COUNT             dentries of COUNT names that are not there
 *
 * Prints "ready" when the state is reached and holds it until it is killed. The same SEED gives the same
 * order of holes.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const size_t page = 4096, span = 2 << 20;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static char *anon(size_t bytes)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		die("mmap");
	madvise(p, bytes, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < bytes; i += page)
		p[i] = 1;
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

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: fragment movable|locked|unmovable|names ...\n");
		return 2;
	}
	size_t bytes = strtoull(argv[2], NULL, 10) << 20;
	if (!strcmp(argv[1], "movable") || !strcmp(argv[1], "locked")) {
		size_t keep = strtoull(argv[3], NULL, 10);
		char *p = anon(bytes);
		for (size_t i = 0; i < bytes / page; i++)
			if (i % keep)
				madvise(p + i * page, page, MADV_DONTNEED);
		if (argv[1][0] == 'l' && mlock2(p, bytes, MLOCK_ONFAULT))
			die("mlock2");
		hold();
	} else if (!strcmp(argv[1], "names")) {
		char name[160];

		/* Long ones, so that each takes memory of its own beside the dentry. */
		for (unsigned long i = 0; i < strtoul(argv[2], NULL, 10); i++) {
			snprintf(name, sizeof(name), "/sys/%0100lu", i);
			access(name, F_OK);
		}
		hold();
	} else if (!strcmp(argv[1], "unmovable")) {
		size_t want = strtoull(argv[3], NULL, 10), made = 0;
		uint64_t seed = argc > 4 ? strtoull(argv[4], NULL, 10) : 88172645463325252ull;
		size_t tables = bytes / page;
		/* Read faults: each 2 MiB take one page table, and all map the same page of zeros. */
		char *p = mmap(NULL, tables * span, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			       -1, 0);
		char *keep = calloc(tables, 1);
		if (p == MAP_FAILED || !keep)
			die("mmap");
		madvise(p, tables * span, MADV_NOHUGEPAGE);
		for (size_t i = 0; i < tables; i++)
			(void)*(volatile char *)(p + i * span);
		while (made < want) {
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
		hold();
	} else {
		return 2;
	}
	return 0;
}
