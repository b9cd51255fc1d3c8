// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The writes that move memory blocks. Offlining may take as long as pages are pinned, and every
 * such write waits for the one before it: so a child does it, which is killed at the deadline (the
 * kernel then puts back what it had begun), and left behind if even that takes long. A child that
 * is left behind must hold nothing of ours: not the lock, not a pipe that somebody reads from us.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/util.h"
#include "lease/blocks.h"

#define POLL_MIN_NS 1000000
#define POLL_MAX_NS 16000000
#define KILL_WAIT_NS UINT64_C(1000000000)

struct job {
	int fds[GR_BLOCK_BATCH];
	size_t count;
	const char *word;
	pid_t parent;
	int lock_fd;
};

/* Ends this child alone, and runs nothing of the process that it is a copy of. */
static _Noreturn void leave(int answer)
{
	for (;;)
		syscall(SYS_exit_group, answer & 0x7f);
}

/* No memory is allocated here: in a library other threads may have been at that when we forked. */
static _Noreturn void child(const struct job *job)
{
	int first = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* who is killed leaves nothing running */
	if (getppid() != job->parent)
		leave(EINTR);
	/* In front of everything else, so that the rest can be closed in one go. */
	for (size_t i = 0; i < job->count; i++) {
		if (dup2(job->fds[i], (int)i) < 0)
			leave(errno);
	}
	if (syscall(SYS_close_range, (unsigned int)job->count, ~0u, 0u) < 0 && job->lock_fd >= 0)
		close(job->lock_fd); /* a kernel before 5.9 */
	for (size_t i = 0; i < job->count; i++) {
		if (write((int)i, job->word, strlen(job->word)) < 0 && !first)
			first = errno;
	}
	leave(first);
}

/* With all signals blocked: which of them end the work the parent decides. */
static pid_t start_child(const struct job *job)
{
	sigset_t all, old;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0)
		child(job);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return pid;
}

/* Return: the child's answer; -EINTR, -ETIMEDOUT where it was killed. */
static int wait_for(pid_t pid, uint64_t deadline_ns, const volatile int *interrupted)
{
	struct timespec pause = { .tv_nsec = POLL_MIN_NS };
	int status, why = 0;

	for (;;) {
		pid_t done = waitpid(pid, &status, WNOHANG);
		uint64_t now = gr_now_ns();

		if (done == pid)
			return WIFEXITED(status) ? -WEXITSTATUS(status) : why ? why : -EINTR;
		if (done < 0 && errno != EINTR)
			return why ? why : -errno; /* somebody else waited for it */
		if (why && now > deadline_ns)
			return why; /* stuck in the kernel: left behind */
		if (!why) {
			why = interrupted && *interrupted ? -EINTR :
			      now > deadline_ns		  ? -ETIMEDOUT :
							    0;
			if (why) {
				kill(pid, SIGKILL);
				deadline_ns = now + KILL_WAIT_NS;
			}
		}
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < POLL_MAX_NS)
			pause.tv_nsec *= 2;
	}
}

int gr_block_write(const struct gr_ledger *ledger, const uint64_t *blocks, size_t count,
		   const char *word, uint64_t deadline_ns, const volatile int *interrupted)
{
	struct job job = { .word = word, .parent = getpid(), .lock_fd = ledger->lock_fd };
	char path[GR_BLOCK_PATH_MAX];
	pid_t pid = -1;
	int r = 0;

	for (; job.count < count && r >= 0; job.count++) {
		gr_block_path(blocks[job.count], "state", path);
		/* Above all that the child moves them to. */
		r = gr_root_open_fd(ledger->root, path, O_WRONLY, 0, NULL);
		if (r < 0)
			break;
		job.fds[job.count] = fcntl(r, F_DUPFD_CLOEXEC, GR_BLOCK_BATCH);
		close(r);
		if (job.fds[job.count] < 0)
			r = -errno;
	}
	if (r >= 0)
		pid = start_child(&job);
	if (r >= 0 && pid < 0)
		r = -errno;
	for (size_t i = 0; i < job.count; i++)
		close(job.fds[i]);
	return r < 0 ? r : wait_for(pid, deadline_ns, interrupted);
}
