/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Living beside a running VMM: signals passed on, its memory looked at once it is mapped, its end
 * awaited. Private to run/.
 */
#ifndef GR_RUN_WAIT_H
#define GR_RUN_WAIT_H

#include <signal.h>

#include "run/run.h"
#include "run/spawn.h"

/** gr_signals_take - block the signals that gr_wait() passes on. @ret_old is for the child. */
int gr_signals_take(sigset_t *ret_old, struct gr_error *err);

/**
 * gr_wait - until the child ends
 * @look: called now and then, ever more rarely, until it returns true (the VM was proven)
 *
 * Return: exit status, 128 + signal where a signal ended it; -errno.
 */
int gr_wait(struct gr_child *child, bool (*look)(void *data), void *data, struct gr_error *err);

#endif
