/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A program is a table of verbs: guestram (main.c), and guestram-libvirt (libvirt_main.c), which is
 * one of its own so that no other verb loads libvirt's library.
 */
#ifndef GR_CLI_PROGRAM_H
#define GR_CLI_PROGRAM_H

#include "cli/cli.h"

struct gr_program {
	const struct gr_command *const *commands;
	size_t count;
};

int gr_program_main(const struct gr_program *program, int argc, char **argv);

#endif
