/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The record of a run, for `guestram run`.
 */
#ifndef GR_CLI_RUN_RECORD_H
#define GR_CLI_RUN_RECORD_H

#include <stdio.h>

#include "cli/cli.h"
#include "run/run.h"

int gr_run_record_print(FILE *out, struct gr_cli *cli, const struct gr_run_options *options,
			const struct gr_run_report *report);

#endif
