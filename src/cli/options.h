/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From an option table to parsed arguments and to the text of --help. Between main.c and the
 * commands; commands themselves only use gr_arg().
 */
#ifndef GR_CLI_OPTIONS_H
#define GR_CLI_OPTIONS_H

#include <stdio.h>

#include "cli/cli.h"

#define GR_ARGS_HELP 1 /* --help was given: print it and exit 0 */

/** gr_args_parse - @argv without the verb. Return: 0, GR_ARGS_HELP, or -EINVAL with cli->err. */
int gr_args_parse(const struct gr_command *command, int argc, char **argv, struct gr_cli *cli,
		  struct gr_args *ret);
void gr_args_help(const struct gr_command *command, FILE *out);
void gr_args_done(struct gr_args *args);

#endif
