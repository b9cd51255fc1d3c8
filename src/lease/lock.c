// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The ledger's lock: an flock() that dies with its holder. Who waits for it is woken by inotify when
 * somebody closes the file that he could write: that is when the lock is let go, or its holder dies.
 * So waiting has an end in time, and a signal ends it at once: signals are let in only while it
 * sleeps, none is lost between looking and sleeping. A blocking flock() would have neither.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"
#include "lease/ledger.h"

#define NS_PER_S UINT64_C(1000000000)
/* The close may be late where a copy of the fd lives on for a moment (fork, until it executes), and
 * there may be no inotify: looked again after this at the latest. */
#define AGAIN_NS NS_PER_S
#define AGAIN_BLIND_NS (NS_PER_S / 100)

static void note_holder(int lock_fd)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	/* For the message of those who wait; nothing depends on it. */
	if (ftruncate(lock_fd, 0) < 0 || pwrite(lock_fd, text, (size_t)n, 0) < 0)
		return;
}

static int watch(int lock_fd)
{
	_cleanup_close_ int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", lock_fd);
	return fd >= 0 && inotify_add_watch(fd, path, IN_CLOSE_WRITE) >= 0 ? gr_steal_fd(&fd) : -1;
}

static int timed_out(int lock_fd, uint64_t timeout_ns, struct gr_error *err)
{
	char holder[16] = "";
	int r;

	if (pread(lock_fd, holder, sizeof(holder) - 1, 0) < 0)
		holder[0] = '\0';
	holder[strcspn(holder, "\n")] = '\0';
	r = gr_error_set(err, GR_CLASS_HOST, ETIMEDOUT,
			 "pid %s has held " GR_LOCK_PATH " for over %" PRIu64 " s",
			 holder[0] ? holder : "unknown", timeout_ns / NS_PER_S);
	gr_error_hint(err, "another guestram is reserving or starting a VM: try again");
	return r;
}

/* Sleeps until the file is closed by somebody, a signal comes, or @ns are over. */
static void sleep_at(int watch_fd, uint64_t ns, const sigset_t *mask)
{
	struct pollfd poll_fd = { .fd = watch_fd, .events = POLLIN };
	const struct timespec time = { .tv_sec = (time_t)(ns / NS_PER_S),
				       .tv_nsec = (long)(ns % NS_PER_S) };
	char events[4096];

	if (ppoll(&poll_fd, 1, &time, mask) > 0) {
		while (read(watch_fd, events, sizeof(events)) > 0)
			;
	}
}

/* @mask: the signals that are let in while it sleeps */
static int wait_for_lock(int lock_fd, uint64_t timeout_ns, const volatile int *interrupted,
			 const sigset_t *mask, struct gr_error *err)
{
	/* Before the first look, so that no close is missed. */
	_cleanup_close_ int watch_fd = timeout_ns ? watch(lock_fd) : -1;
	uint64_t start = gr_now_ns(), again = watch_fd < 0 ? AGAIN_BLIND_NS : AGAIN_NS;

	while (flock(lock_fd, LOCK_EX | LOCK_NB) < 0) {
		uint64_t waited = gr_now_ns() - start;
		int r;

		if (errno != EWOULDBLOCK && errno != EINTR)
			return gr_error_set(err, GR_CLASS_SYSTEM, errno, "cannot lock " GR_LOCK_PATH
					    ": %s", strerror(errno));
		if (interrupted && *interrupted) {
			r = gr_error_set(err, GR_CLASS_HOST, EINTR,
					 "interrupted while waiting for " GR_LOCK_PATH);
			gr_error_hint(err, "nothing was taken");
			return r;
		}
		if (waited >= timeout_ns)
			return timed_out(lock_fd, timeout_ns, err);
		sleep_at(watch_fd, gr_min_u64(again, timeout_ns - waited), mask);
	}
	return 0;
}

int gr_ledger_lock(int lock_fd, uint64_t timeout_ns, const volatile int *interrupted,
		   struct gr_error *err)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	if (pthread_sigmask(SIG_BLOCK, &all, &before) != 0)
		return gr_error_set(err, GR_CLASS_SYSTEM, EINVAL, "cannot hold back signals");
	r = wait_for_lock(lock_fd, timeout_ns, interrupted, &before, err);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r >= 0)
		note_holder(lock_fd);
	return r;
}
