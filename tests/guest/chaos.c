/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * chaos: in a test guest with two nodes, many processes reserve, take, let go and release at once,
 * and start stand-in VMs, while guestrams are killed at random: by those who started them, and
 * whoever is seen to hold the lock. Meanwhile a checker takes the lock now and then: the pages of
 * each node have to be exactly what the leases say; and who has a lease has to get its pages.
 * In the end, when all is released, the pools have to be empty.
 *
 * Rude workers release while they still use the pages. By that pages go to the host that others
 * are to have, so then only counts are checked, not what the others get.
 */
#include "chaos.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Kills who has the lock: in the middle of it, most likely. Only guestrams write their pid there. */
static void hunt(int number)
{
	seed += (uint64_t)number;
	snprintf(worker, sizeof(worker), "hunter");
	while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) {
		char path[32], text[32] = "";
		int pid, fd;

		usleep((useconds_t)rnd(1000000));
		fd = open("/run/guestram/lock", O_RDONLY | O_CLOEXEC);
		pid = fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 ? atoi(text) : 0;
		close(fd);
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		fd = pid > 1 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
		memset(text, 0, sizeof(text));
		if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 && !strcmp(text, "guestram\n") &&
		    kill(pid, SIGKILL) == 0)
			COUNT(hunted);
		if (fd >= 0)
			close(fd);
	}
}

/* With the lock held: what is there and what the leases say. */
static void check(long floor_kib, long *least_kib)
{
	struct lease leases[LEASES_MAX];
	long least[NODES] = { 0 }, most[NODES] = { 0 };
	bool half_done = false;
	struct counts now;
	int lock = take_lock(), count = read_leases(leases, LEASES_MAX);

	read_counts(&now);
	if (count < 0)
		wrong("a lease file that is none");
	for (int i = 0; i < count; i++) {
		const struct lease *lease = &leases[i];
		bool cut_short = !strcmp(lease->state, "reserving") ||
				 !strcmp(lease->state, "releasing") ||
				 !strcmp(lease->state, "settling");

		half_done |= cut_short;
		for (int j = 0; j < lease->grant_count; j++) {
			const struct grant *grant = &lease->grants[j];
			long asked = grant->asked > grant->pages ? grant->asked : grant->pages;

			least[grant->node] += cut_short ? 0 : grant->pages + grant->promoted;
			most[grant->node] += asked + grant->promoted;
		}
	}
	for (int i = 0; i < NODES; i++) {
		long persistent = now.total[i] - now.surplus[i];

		if (persistent < least[i] || persistent > most[i])
			wrong("node %d: %ld/%ld/%ld, but the leases say %ld to %ld", i, now.total[i],
			      now.free[i], now.surplus[i], least[i], most[i]);
		if (!half_done && !now.reserved && now.surplus[i] > now.total[i] - now.free[i])
			wrong("node %d: %ld/%ld/%ld: surplus pages on the free list", i,
			      now.total[i], now.free[i], now.surplus[i]);
	}
	if (now.available_kib < floor_kib)
		wrong("%ld MiB available, the floor is %s", now.available_kib / 1024, floor_text);
	if (now.available_kib < *least_kib)
		*least_kib = now.available_kib;
	COUNT(checks);
	shared->exact += !half_done;
	close(lock);
}

/* All workers are gone: one recovery, then the leases that nobody released, then nothing is left. */
static void tidy(void)
{
	struct lease leases[LEASES_MAX];
	struct counts now;
	int count;

	usleep(1000000); /* the longest life of a VM */
	recover(false);
	count = read_leases(leases, LEASES_MAX);
	for (int i = 0; i < count; i++) {
		snprintf(worker, sizeof(worker), "%.15s", leases[i].name);
		release(true);
	}
	snprintf(worker, sizeof(worker), "end");
	read_counts(&now);
	for (int i = 0; i < NODES; i++) {
		if (now.total[i] || now.surplus[i])
			wrong("node %d has %ld/%ld/%ld", i, now.total[i], now.free[i], now.surplus[i]);
	}
	if (read_leases(leases, LEASES_MAX) || now.reserved)
		wrong("leases or promises are left");
}

static void start(void (*what)(int number), int number)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		what(number);
		exit(0);
	}
	if (pid < 0)
		die("fork");
}

/* chaos SECONDS SEED civil|rude ROOM-MIB: the floor is as far below what is available now */
int main(int argc, char **argv)
{
	long floor_mib, least_kib = 1L << 40;
	struct counts now;
	char text[16];
	time_t end;

	if (argc != 5 || access("/guest/script", F_OK)) {
		fputs("chaos: SECONDS SEED civil|rude ROOM-MIB, in a test guest\n", stderr);
		return 2;
	}
	read_counts(&now);
	floor_mib = now.available_kib / 1024 - atol(argv[4]);
	snprintf(text, sizeof(text), "%ldM", floor_mib);
	floor_text = text;
	rude = !strcmp(argv[3], "rude");
	seed = strtoull(argv[2], NULL, 10);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap");
	snprintf(worker, sizeof(worker), "checker");
	for (int i = 0; i < WORKERS; i++)
		start(work, i);
	start(hunt, -1);
	end = time(NULL) + atol(argv[1]);
	while (time(NULL) < end && shared->wrong < 10) {
		usleep(200000);
		/* Guestrams that have only begun need some of what others left. */
		check((floor_mib - 2 * WORKERS) * 1024, &least_kib);
	}
	__atomic_store_n(&shared->stop, 1, __ATOMIC_RELAXED);
	while (wait(NULL) > 0)
		;
	tidy();
	printf("%s, seed %s: %ld leases, %ld refused, %ld taken, %ld runs, %ld killed (%ld with the "
	       "lock), %ld checks (%ld exact), at least %ld MiB available (floor %s), %d wrong\n", argv[3], argv[2],
	       shared->reserved, shared->refused, shared->taken, shared->runs, shared->killed,
	       shared->hunted, shared->checks, shared->exact, least_kib / 1024, floor_text,
	       shared->wrong);
	return shared->wrong ? 1 : 0;
}
