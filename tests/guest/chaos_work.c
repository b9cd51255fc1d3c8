/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The workers of chaos.c: each has one lease at a time, or a stand-in VM, under its own name. What
 * a command may answer is said beside it; anything else is wrong.
 */
#include "chaos.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILLED (-1)

struct shared *shared;
const char *floor_text;
bool rude;
char worker[16];
uint64_t seed;

unsigned long rnd(unsigned long below)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (seed >> 33) % below;
}

void wrong(const char *format, ...)
{
	va_list args;
	char line[512];
	int n = snprintf(line, sizeof(line), "WRONG: %s: ", worker), more;

	va_start(args, format);
	more = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, format, args);
	va_end(args);
	n += more < (int)sizeof(line) - n - 2 ? more : (int)sizeof(line) - n - 2;
	line[n++] = '\n';
	if (write(1, line, (size_t)n) < 0)
		_exit(2);
	COUNT(wrong);
}

static const char *error_file(void)
{
	static char path[32];

	snprintf(path, sizeof(path), "/tmp/%s.err", worker);
	return path;
}

/* Runs guestram; now and then it is killed. Return: its exit status, or KILLED. */
static int guestram(const char *const *argv, bool may_kill)
{
	bool kill_it = may_kill && rnd(8) == 0;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		dup2(open("/dev/null", O_WRONLY), 1);
		dup2(open(error_file(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 2);
		execv("/bin/guestram", (char *const *)argv);
		_exit(127);
	}
	if (pid < 0)
		die("fork");
	if (kill_it) {
		usleep((useconds_t)rnd(100000));
		kill(pid, SIGKILL);
	}
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
		COUNT(killed);
		return KILLED;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void unexpected(const char *what, int status)
{
	char text[400] = "";
	int fd = open(error_file(), O_RDONLY);

	if (fd >= 0 && read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	wrong("%s: exit %d: %s", what, status, text);
}

void recover(bool may_kill)
{
	static const char *const argv[] = { "guestram", "recover", NULL };
	int status = guestram(argv, may_kill);

	if (status != 0 && status != KILLED)
		unexpected("recover", status);
}

void release(bool there)
{
	const char *argv[] = { "guestram", "release", worker, NULL };
	int status;

	while ((status = guestram(argv, true)) == KILLED)
		there = false;
	if (status != 0 && (there || status != 1))
		unexpected("release", status);
	COUNT(released);
}

/* A process that takes the pages of a lease. @ret_got: how many it had. */
static pid_t start_holder(const struct lease *lease, long *ret_got)
{
	int ends[2];
	pid_t pid;

	if (pipe(ends) || (pid = fork()) < 0)
		die("holder");
	if (pid == 0) {
		long got = 0;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (int i = 0; i < lease->grant_count; i++)
			got += take_pages(lease->grants[i].node, lease->grants[i].pages);
		if (write(ends[1], &got, sizeof(got)) != sizeof(got))
			_exit(1);
		for (;;)
			pause();
	}
	close(ends[1]);
	if (read(ends[0], ret_got, sizeof(*ret_got)) != sizeof(*ret_got))
		*ret_got = -1;
	close(ends[0]);
	return pid;
}

static void use_lease(long pages)
{
	bool early = rude && rnd(3) == 0;
	struct lease lease;
	long sum = 0, got;
	pid_t holder;

	if (read_lease(worker, &lease) != 1 || strcmp(lease.state, "held") != 0) {
		wrong("reserved, but no such lease is held");
		return;
	}
	for (int i = 0; i < lease.grant_count; i++)
		sum += lease.grants[i].pages;
	if (sum != pages)
		wrong("asked for %ld pages, the lease says %ld", pages, sum);
	if (rnd(8) == 0) {
		release(true);
		return;
	}
	holder = start_holder(&lease, &got);
	if (got != sum && !rude)
		wrong("has a lease of %ld pages and got %ld", sum, got);
	COUNT(taken);
	usleep((useconds_t)rnd(300000));
	if (early)
		release(true);
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
	if (!early)
		release(true);
}

static void lease_once(void)
{
	static const char *const nodes[] = { "0", "1" };
	long pages = 1 + (long)rnd(rnd(6) ? 30 : 150);
	char size[16];
	const char *argv[] = { "guestram",    "reserve",  worker,   "-m",	   size, "--page-size", "2M",
			       "--keep-free", floor_text, "--node", nodes[rnd(2)], NULL };
	int status;

	snprintf(size, sizeof(size), "%ldM", 2 * pages);
	if (rnd(3) == 0)
		argv[9] = NULL; /* any node */
	status = guestram(argv, true);
	if (status == 0) {
		COUNT(reserved);
		use_lease(pages);
	} else if (status == 3) {
		COUNT(refused);
	} else if (status == KILLED) {
		release(false);
	} else {
		unexpected("reserve", status);
	}
}

/* A VM, whose guestram may die under it; the memory is given back by whoever comes next. */
static void run_once(void)
{
	char vm[24], life[16], size[16];
	const char *argv[] = { "guestram", "run", "-b", "dynamic", "--page-size", "2M", "--keep-free",
			       floor_text, "--name", vm, "--", "/bin/qemu-system-standin", "-m", size,
			       "-life", life, NULL };
	int status;

	snprintf(vm, sizeof(vm), "run-%.10s", worker);
	snprintf(life, sizeof(life), "%lu", rnd(300));
	snprintf(size, sizeof(size), "%luM", 2 * (1 + rnd(40)));
	status = guestram(argv, true);
	/* 2: the VM of that name lives, since its guestram was killed. */
	if (status != 0 && status != 2 && status != 3 && status != KILLED)
		unexpected("run", status);
	COUNT(runs);
}

void work(int number)
{
	seed += (uint64_t)number * 1000003;
	rnd(2);
	snprintf(worker, sizeof(worker), "c%d", number);
	while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) {
		switch (rnd(8)) {
		case 0:
			recover(true);
			break;
		case 1:
			run_once();
			break;
		default:
			lease_once();
		}
	}
}
