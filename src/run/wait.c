// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One poll() over a signalfd, the child's pidfd, the eventfd of those who populate, and the next
 * look at its memory. A signal that the terminal sent reached the child as well (same process group) and is not passed on twice.
 */
#include "run/wait.h"

#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"

#define LOOK_FIRST_MS 25
#define LOOK_LAST_MS 300000 /* a guest may take its time to touch its memory */

static const int passed_on[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };

/* Those of them that our caller does not ignore (nohup): the VMM ignores the same. */
static void fill_set(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < GR_ARRAY_SIZE(passed_on); i++) {
		struct sigaction action;

		if (sigaction(passed_on[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			sigaddset(set, passed_on[i]);
	}
}

bool gr_signals_pending(void)
{
	sigset_t pending;

	if (sigpending(&pending) < 0)
		return false;
	for (size_t i = 0; i < GR_ARRAY_SIZE(passed_on); i++) {
		if (sigismember(&pending, passed_on[i]) == 1)
			return true;
	}
	return false;
}

int gr_signals_take(sigset_t *ret_old, struct gr_error *err)
{
	sigset_t set;

	fill_set(&set);
	if (sigprocmask(SIG_BLOCK, &set, ret_old) < 0)
		return gr_error_set(err, GR_CLASS_SYSTEM, errno, "sigprocmask: %s", strerror(errno));
	return 0;
}

static void pass_signal(int signal_fd, int pidfd)
{
	struct signalfd_siginfo info;

	if (read(signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	/* A hangup is for the session's leader alone. */
	if (info.ssi_code == SI_KERNEL && info.ssi_signo != SIGHUP)
		return;
	syscall(SYS_pidfd_send_signal, pidfd, (int)info.ssi_signo, NULL, 0);
}

static int reap(pid_t pid, struct gr_error *err)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return gr_error_set(err, GR_CLASS_SYSTEM, errno, "waitpid: %s",
					    strerror(errno));
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int gr_wait(struct gr_child *child, const struct gr_waiting *waiting, struct gr_error *err)
{
	_cleanup_close_ int signal_fd = -1;
	int pause_ms = LOOK_FIRST_MS, event_fd = waiting->event_fd;
	bool looking = true;
	sigset_t set;

	fill_set(&set);
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0)
		return gr_error_set(err, GR_CLASS_SYSTEM, errno, "signalfd: %s", strerror(errno));
	for (;;) {
		struct pollfd fds[] = { { .fd = child->pidfd, .events = POLLIN },
					{ .fd = signal_fd, .events = POLLIN },
					{ .fd = event_fd, .events = POLLIN } };
		int n = poll(fds, GR_ARRAY_SIZE(fds), event_fd < 0 && looking ? pause_ms : -1);

		if (n < 0 && errno != EINTR)
			return gr_error_set(err, GR_CLASS_SYSTEM, errno, "poll: %s",
					    strerror(errno));
		if (n > 0 && fds[0].revents)
			return reap(child->pid, err);
		if (n > 0 && fds[1].revents)
			pass_signal(signal_fd, child->pidfd);
		if (n > 0 && fds[2].revents && waiting->on_event(waiting->data))
			event_fd = -1;
		if (n == 0) {
			pause_ms = pause_ms * 2 < LOOK_LAST_MS ? pause_ms * 2 : LOOK_LAST_MS;
			looking = !waiting->look(waiting->data);
		}
	}
}
