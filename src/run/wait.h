/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Living beside a running VMM: signals passed on, the end of populating noticed, its memory looked
 * at, its end awaited. Private to run/.
 */
#ifndef GR_RUN_WAIT_H
#define GR_RUN_WAIT_H

#include <signal.h>

#include "run/run.h"
#include "run/spawn.h"

/** gr_signals_take - block the signals that gr_wait() passes on. @ret_old is for the child. */
int gr_signals_take(sigset_t *ret_old, struct gr_error *err);

/** gr_signals_pending - did one of them come since? */
bool gr_signals_pending(void);

struct gr_waiting {
	int event_fd;                  /* an eventfd, or -1 */
	bool (*on_event)(void *data);  /* it was written to; true: it will not be again */
	/* Called now and then, ever more rarely, once there is no event_fd to wait for any more,
	 * until it answers true: the VM was proven. */
	bool (*look)(void *data);
	void *data;
};

/**
 * gr_wait - until the child ends
 *
 * Return: exit status, 128 + signal where a signal ended it; -errno.
 */
int gr_wait(struct gr_child *child, const struct gr_waiting *waiting, struct gr_error *err);

#endif
