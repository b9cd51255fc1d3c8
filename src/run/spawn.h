/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Starting a VMM as a child that waits at a gate until its lease is on record. Private to run/.
 */
#ifndef GR_RUN_SPAWN_H
#define GR_RUN_SPAWN_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct gr_spawn_options {
	char *const *argv;
	const int *fds;           /* to be inherited under the numbers they have */
	size_t fd_count;
	const char *user;         /* NULL: SUDO_UID's, or unchanged */
	bool stdout_to_stderr;
	uint64_t memlock_bytes;   /* raise RLIMIT_MEMLOCK to at least this; UINT64_MAX: unlimited */
	sigset_t mask;            /* signal mask of the VMM; all handlers go */
};

struct gr_child {
	pid_t pid;
	int pidfd;
	int gate_fd;  /* a byte lets the child go, its end makes the child exit */
	int error_fd; /* the child's errno if exec failed */
};

/**
 * gr_spawn - fork; the child drops privileges and waits
 *
 * Return: 0 or -errno. The child is ended by gr_child_abort() or let go by gr_child_go().
 */
int gr_spawn(const struct gr_spawn_options *options, struct gr_child *ret, struct gr_error *err);

/** gr_child_go - let it exec. Return: 0 once it did; -ENOENT ... (class usage) if it could not. */
int gr_child_go(struct gr_child *child, const char *program, struct gr_error *err);
void gr_child_abort(struct gr_child *child);

/** gr_program_check - is there such a program at all? A courtesy before pages are reserved; what
 * is executed is looked up again by the child, after its privileges are gone. */
int gr_program_check(const char *program, struct gr_error *err);

#endif
