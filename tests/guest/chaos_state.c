/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * See chaos.h. The lease files are read by looking for their keys in turn: enough for files of the
 * one program that writes them.
 */
#include "chaos.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LEASES "/run/guestram/leases"

void die(const char *what)
{
	fprintf(stderr, "chaos: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (fd >= 0)
		close(fd);
	buf[n < 0 ? 0 : n] = '\0';
	return n < 0 ? -1 : 0;
}

static long node_count(int node, const char *file)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/hugepages/"
				     "hugepages-2048kB/%s", node, file);
	if (read_text(path, text, sizeof(text)))
		die(path);
	return atol(text);
}

void read_counts(struct counts *ret)
{
	char text[4096];

	for (int i = 0; i < NODES; i++) {
		long before;

		/* Pages in use go away at any time: total and surplus have to be of one moment. */
		do {
			before = node_count(i, "surplus_hugepages");
			ret->total[i] = node_count(i, "nr_hugepages");
			ret->free[i] = node_count(i, "free_hugepages");
			ret->surplus[i] = node_count(i, "surplus_hugepages");
		} while (before != ret->surplus[i]);
	}
	if (read_text("/sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages", text,
		      sizeof(text)))
		die("resv_hugepages");
	ret->reserved = atol(text);
	if (read_text("/proc/meminfo", text, sizeof(text)) || !strstr(text, "MemAvailable:"))
		die("meminfo");
	ret->available_kib = atol(strstr(text, "MemAvailable:") + 13);
}

/* The number behind the next "key"; moves on. */
static bool next_number(const char **text, const char *key, long *ret)
{
	char quoted[40];
	const char *at;

	snprintf(quoted, sizeof(quoted), "\"%s\":", key);
	at = strstr(*text, quoted);
	if (!at)
		return false;
	*text = at + strlen(quoted);
	*ret = atol(*text);
	return true;
}

int read_lease(const char *name, struct lease *ret)
{
	char path[300], text[16384];
	const char *at = text;
	long owner, node;

	*ret = (struct lease){ 0 };
	snprintf(path, sizeof(path), LEASES "/%s.json", name);
	if (read_text(path, text, sizeof(text)))
		return 0;
	at = strstr(text, "\"state\": \"");
	if (!at || sscanf(at, "\"state\": \"%15[a-z]\"", ret->state) != 1 ||
	    !next_number(&at, "owner_pid", &owner))
		return -1;
	snprintf(ret->name, sizeof(ret->name), "%.15s", name);
	ret->owner = (pid_t)owner;
	while (next_number(&at, "node", &node)) {
		struct grant *grant = &ret->grants[ret->grant_count++];

		grant->node = (int)node;
		if (ret->grant_count > GRANTS_MAX || node < 0 || node >= NODES ||
		    !next_number(&at, "asked_pages", &grant->asked) ||
		    !next_number(&at, "pages", &grant->pages) ||
		    !next_number(&at, "promoted_pages", &grant->promoted))
			return -1;
	}
	return 1;
}

int read_leases(struct lease *ret, int max)
{
	DIR *dir = opendir(LEASES);
	struct dirent *entry;
	int count = 0, r = 0;

	while (dir && (entry = readdir(dir)) && r >= 0 && count < max) {
		char *end = strstr(entry->d_name, ".json");

		if (entry->d_name[0] == '.')
			continue;
		if (!end || end[5])
			r = -1;
		else
			*end = '\0';
		if (r >= 0)
			r = read_lease(entry->d_name, &ret[count]);
		count += r > 0;
	}
	if (dir)
		closedir(dir);
	return r < 0 ? r : count;
}

int take_lock(void)
{
	int fd;

	/* Made by the first guestram. */
	while ((fd = open("/run/guestram/lock", O_RDWR | O_CLOEXEC)) < 0)
		usleep(20000);
	if (flock(fd, LOCK_EX))
		die("flock");
	return fd;
}

long take_pages(int node, long pages)
{
	unsigned long mask = 1ul << node;
	char *map = mmap(NULL, (size_t)pages * PAGE_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_HUGETLB | 21 << 26, -1, 0);
	long got = 0;

	if (map == MAP_FAILED || syscall(SYS_mbind, map, (size_t)pages * PAGE_BYTES, MPOL_BIND,
					 &mask, 65ul, 0ul))
		die("mapping");
	while (got < pages && !madvise(map + (size_t)got * PAGE_BYTES, PAGE_BYTES,
				       MADV_POPULATE_WRITE))
		got++;
	return got;
}
