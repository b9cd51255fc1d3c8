/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * holder: stands in for another owner of huge pages, and for a writer with a memory policy.
 * It maps a huge-page memfd bound to one node and holds it until it is killed, or sets
 * MPOL_BIND and starts a command, so that the kernel's nr_hugepages_mempolicy can be tried.
 * System calls are made directly: it is static, and runs in guests that have no library.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MFD_HUGE_SHIFT_BITS 26
#define POLICY_BIND         2
#define MAX_NODES           1024

static const char usage[] =
	"usage: holder NODE PAGES PAGESIZE [touch|lazy]\n"
	"       holder --bind NODE -- COMMAND [ARG]...\n"
	"\n"
	"Holds PAGES huge pages of PAGESIZE (2M, 1G, 64K or bytes) on NODE, or anywhere if NODE\n"
	"is -1, until it is killed. Prints \"ready\" when it has them. touch (the default) puts\n"
	"every page in place; lazy only reserves them. SIGUSR1 makes it give back its last page,\n"
	"and print \"freed\".\n"
	"With --bind, runs COMMAND with the memory policy MPOL_BIND to NODE.\n"
	"Exit status: 1 when the pages are not to be had, 2 for bad usage.\n";

static volatile sig_atomic_t free_one;

static void on_usr1(int sig)
{
	(void)sig;
	free_one = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "holder: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void bad_usage(void)
{
	fputs(usage, stderr);
	exit(2);
}

/* A whole number with an optional K, M or G, and nothing after it. */
static long long number(const char *text)
{
	char *end;
	long long value;
	unsigned int shift = 0;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (end == text || errno)
		bad_usage();
	if (*end == 'K')
		shift = 10;
	else if (*end == 'M')
		shift = 20;
	else if (*end == 'G')
		shift = 30;
	if (shift)
		end++;
	if (*end || value < -1 || value > INT64_MAX >> shift)
		bad_usage();
	return value << shift;
}

struct node_mask {
	unsigned long bits[MAX_NODES / (8 * sizeof(unsigned long))];
};

static struct node_mask only_node(long long node)
{
	const unsigned int width = 8 * sizeof(unsigned long);
	struct node_mask mask = { 0 };

	if (node < 0 || node >= MAX_NODES)
		bad_usage();
	mask.bits[node / width] = 1UL << (node % width);
	return mask;
}

static int bind_and_run(char **argv)
{
	struct node_mask mask = only_node(number(argv[0]));

	if (strcmp(argv[1], "--") || !argv[2])
		bad_usage();
	/* The kernel takes maxnode as one more than the number of bits. */
	if (syscall(SYS_set_mempolicy, POLICY_BIND, mask.bits, (unsigned long)MAX_NODES + 1))
		die("set_mempolicy");
	execvp(argv[2], argv + 2);
	die(argv[2]);
	return 1;
}

static char *map_pages(long long node, size_t bytes, size_t page_size, int lazy)
{
	unsigned int log2 = (unsigned int)__builtin_ctzll(page_size);
	unsigned int flags = MFD_CLOEXEC | MFD_HUGETLB | log2 << MFD_HUGE_SHIFT_BITS;
	char *map;
	int fd = (int)syscall(SYS_memfd_create, "holder", flags);

	if (fd < 0)
		die("memfd_create");
	if (ftruncate(fd, (off_t)bytes))
		die("ftruncate");
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		die("mmap");
	if (node >= 0) {
		struct node_mask mask = only_node(node);

		if (syscall(SYS_mbind, map, bytes, POLICY_BIND, mask.bits,
			    (unsigned long)MAX_NODES + 1, 0UL))
			die("mbind");
	}
	if (lazy)
		return map;
	/* Unlike a touch, this fails where a page is missing, instead of killing us. */
	if (madvise(map, bytes, MADV_POPULATE_WRITE))
		die("MADV_POPULATE_WRITE");
	return map;
}

int main(int argc, char **argv)
{
	struct sigaction usr1 = { .sa_handler = on_usr1 };
	long long node, pages, page_size;
	sigset_t blocked, none;
	size_t bytes;
	char *map;
	int lazy;

	if (argc > 1 && !strcmp(argv[1], "--help")) {
		fputs(usage, stdout);
		return 0;
	}
	if (argc > 2 && !strcmp(argv[1], "--bind") && argc > 4)
		return bind_and_run(argv + 2);
	if (argc != 4 && argc != 5)
		bad_usage();
	node = number(argv[1]);
	pages = number(argv[2]);
	page_size = number(argv[3]);
	lazy = argc == 5 && !strcmp(argv[4], "lazy");
	if (argc == 5 && !lazy && strcmp(argv[4], "touch"))
		bad_usage();
	if (pages < 1 || page_size < 4096 || page_size & (page_size - 1))
		bad_usage();
	if (__builtin_mul_overflow((size_t)pages, (size_t)page_size, &bytes))
		bad_usage();

	sigemptyset(&none);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	sigaction(SIGUSR1, &usr1, NULL);
	map = map_pages(node, bytes, (size_t)page_size, lazy);
	puts("ready");
	fflush(stdout);
	for (;;) {
		sigsuspend(&none);
		if (!free_one || !bytes)
			continue;
		free_one = 0;
		bytes -= (size_t)page_size;
		if (madvise(map + bytes, (size_t)page_size, MADV_REMOVE))
			die("MADV_REMOVE");
		puts("freed");
		fflush(stdout);
	}
}
