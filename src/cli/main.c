// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The table of verbs; program.c does the rest.
 */
#include "base/util.h"
#include "cli/program.h"

static const struct gr_command *const commands[] = {
	&gr_cmd_host,	 &gr_cmd_plan, &gr_cmd_reserve, &gr_cmd_release, &gr_cmd_list,
	&gr_cmd_recover, &gr_cmd_run,  &gr_cmd_inspect, &gr_cmd_doctor,	 &gr_cmd_libvirt,
};

int main(int argc, char **argv)
{
	static const struct gr_program program = { commands, GR_ARRAY_SIZE(commands) };

	return gr_program_main(&program, argc, argv);
}
