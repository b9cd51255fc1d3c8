// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * guestram libvirt, as far as guestram itself does it: its options are checked here, then
 * guestram-libvirt takes over with the same words. So libvirt's library is loaded by nobody else.
 */
#include <string.h>

#include "base/util.h"
#include "cli/libvirt_cli.h"

static int run(struct gr_cli *cli, const struct gr_args *args)
{
	_cleanup_free_ char *program = NULL;
	int r;

	if (!args->word_count)
		return gr_cli_usage(cli, "what is to be done with libvirt?");
	r = gr_cli_beside(cli, "guestram-libvirt", &program);
	if (r < 0)
		return r;
	/* From the verb on: the place of the program's own name is what it is called in usage. */
	args->all[-1] = program;
	execv(program, args->all - 1);
	return gr_error_set(&cli->err, GR_CLASS_HOST, errno, "cannot start %s: %s", program,
			    strerror(errno));
}

const struct gr_command gr_cmd_libvirt = GR_LIBVIRT_COMMAND(run);
