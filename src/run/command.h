/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The VMM's command line with our memory in it. Private to run/.
 */
#ifndef GR_RUN_COMMAND_H
#define GR_RUN_COMMAND_H

#include "run/run.h"

#define GR_RUN_FD_BASE 64 /* our memory's fds start here, away from those a script hands over */

/**
 * gr_command_make - the command line for what was decided
 * @fds: of the memory, one per need; NULL: those that --print shows
 *
 * Return: 0 or -errno. Free with gr_argv_free().
 */
int gr_command_make(const struct gr_run_options *options, enum gr_populate populate, const int *fds,
		    const uint64_t *sizes, char ***ret, struct gr_error *err);

/** gr_populate_choose - what "auto" means for this VM on this host. */
enum gr_populate gr_populate_choose(const struct gr_run_options *options);

#endif
