// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The child is forked before it may run: it drops privileges, sets its limits, and then reads one
 * byte from the gate. If we die before the lease names it, the read ends with nothing and the child
 * goes with us; from the exec on it lives without us.
 */
#include "run/spawn.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "run/user.h"

static void raise_memlock(uint64_t bytes)
{
	struct rlimit limit, old;

	if (!bytes || getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
		return;
	if (limit.rlim_cur == RLIM_INFINITY || (bytes != UINT64_MAX && limit.rlim_cur >= bytes))
		return;
	old = limit;
	limit.rlim_cur = bytes == UINT64_MAX ? RLIM_INFINITY : bytes;
	if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < limit.rlim_cur)
		limit.rlim_max = limit.rlim_cur;
	if (setrlimit(RLIMIT_MEMLOCK, &limit) == 0)
		return;
	/* Without the right to raise the hard limit: as far as that goes. What is lacking then, the
	 * VMM says better than we could. */
	old.rlim_cur = old.rlim_max;
	setrlimit(RLIMIT_MEMLOCK, &old);
}

static int inherit_fds(const struct gr_spawn_options *options)
{
	for (size_t i = 0; i < options->fd_count; i++) {
		if (fcntl(options->fds[i], F_SETFD, 0) < 0)
			return -errno;
	}
	return 0;
}

/* In the child, from the fork to the exec. Never returns. */
static void child_main(const struct gr_spawn_options *options, const struct gr_user *user,
		       int gate_fd, int error_fd)
{
	char byte;
	ssize_t n;
	int r;

	raise_memlock(options->memlock_bytes);
	r = inherit_fds(options);
	if (r >= 0 && options->stdout_to_stderr && dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		r = -errno;
	if (r >= 0)
		r = gr_user_become(user);
	/* A signal that is meant for the VMM must not be swallowed by a handler of ours; what our
	 * caller ignores stays ignored. */
	for (int number = 1; number < NSIG; number++) {
		struct sigaction action;

		if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_IGN &&
		    action.sa_handler != SIG_DFL)
			signal(number, SIG_DFL);
	}
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &options->mask, NULL);
	do
		n = read(gate_fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(125);
	if (r >= 0) {
		execvp(options->argv[0], options->argv);
		r = -errno;
	}
	n = write(error_fd, &r, sizeof(r));
	_exit(n == sizeof(r) ? 127 : 126);
}

int gr_spawn(const struct gr_spawn_options *options, struct gr_child *ret, struct gr_error *err)
{
	int gate[2] = { -1, -1 }, error[2] = { -1, -1 }, r;
	struct gr_user user;
	pid_t pid;

	r = gr_user_find(options->user, &user, err);
	if (r < 0)
		return r;
	if (pipe2(gate, O_CLOEXEC) < 0 || pipe2(error, O_CLOEXEC) < 0) {
		r = gr_error_set(err, GR_CLASS_SYSTEM, errno, "pipe: %s", strerror(errno));
		goto failed;
	}
	pid = fork();
	if (pid < 0) {
		r = gr_error_set(err, GR_CLASS_SYSTEM, errno, "fork: %s", strerror(errno));
		goto failed;
	}
	if (pid == 0) {
		close(gate[1]);
		close(error[0]);
		child_main(options, &user, gate[0], error[1]);
	}
	close(gate[0]);
	close(error[1]);
	gr_user_done(&user);
	*ret = (struct gr_child){
		.pid = pid,
		.pidfd = (int)syscall(SYS_pidfd_open, pid, 0),
		.gate_fd = gate[1],
		.error_fd = error[0],
	};
	if (ret->pidfd < 0) {
		r = gr_error_set(err, GR_CLASS_SYSTEM, errno, "pidfd_open: %s", strerror(errno));
		gr_child_abort(ret);
		return r;
	}
	return 0;
failed:
	for (int i = 0; i < 2; i++) {
		gr_closep(&gate[i]);
		gr_closep(&error[i]);
	}
	gr_user_done(&user);
	return r;
}

static void close_child(struct gr_child *child)
{
	gr_closep(&child->gate_fd);
	gr_closep(&child->error_fd);
	gr_closep(&child->pidfd);
	child->gate_fd = child->error_fd = child->pidfd = -1;
}

void gr_child_abort(struct gr_child *child)
{
	close(child->gate_fd);
	child->gate_fd = -1;
	while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close_child(child);
}

int gr_child_go(struct gr_child *child, const char *program, struct gr_error *err)
{
	ssize_t n;
	int r = 0, status;

	do
		n = write(child->gate_fd, "g", 1);
	while (n < 0 && errno == EINTR);
	close(child->gate_fd);
	child->gate_fd = -1;
	do
		n = read(child->error_fd, &r, sizeof(r));
	while (n < 0 && errno == EINTR);
	if (n != sizeof(r)) /* closed by the exec */
		return 0;
	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	close_child(child);
	r = gr_error_set(err, GR_CLASS_USAGE, -r, "cannot start %s: %s", program, strerror(-r));
	gr_error_hint(err, "is it installed, and in PATH of the user it is to run as?");
	return r;
}

int gr_program_check(const char *program, struct gr_error *err)
{
	const char *path = getenv("PATH");
	int r;

	if (strchr(program, '/')) {
		if (access(program, X_OK) == 0)
			return 0;
		r = gr_error_set(err, GR_CLASS_USAGE, errno, "cannot run %s: %s", program,
				 strerror(errno));
		return r;
	}
	for (const char *p = path ? path : "/usr/bin:/bin"; *p;) {
		size_t n = strcspn(p, ":");
		char file[PATH_MAX];

		snprintf(file, sizeof(file), "%.*s/%s", (int)n, n ? p : ".", program);
		if (access(file, X_OK) == 0)
			return 0;
		p += n + (p[n] == ':');
	}
	r = gr_error_set(err, GR_CLASS_USAGE, ENOENT, "%s is not in PATH", program);
	gr_error_hint(err, "on Debian: apt install qemu-system-x86; or give the program with its path");
	return r;
}
