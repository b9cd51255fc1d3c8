// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * guestram-libvirt: the verbs below `guestram libvirt`, which is how people call it. Which options
 * each of them takes is a table, so that none is ignored in silence.
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/nearest.h"
#include "base/size.h"
#include "base/util.h"
#include "cli/libvirt_cli.h"
#include "cli/program.h"

#define LIBVIRT_SECONDS 120 /* for all that libvirt is asked: it has no limit of its own */

static const struct verb {
	const char *name;
	gr_libvirt_verb *run;
	size_t words_min, words_max; /* behind the verb */
	const char *options;	     /* between blanks */
} verbs[] = {
	{ "enable", gr_libvirt_enable, 0, 1,
	  " backing page-size node fallback shared dry-run file connect no-hook " },
	{ "disable", gr_libvirt_disable, 0, 1, " dry-run file connect " },
	{ "check", gr_libvirt_check, 0, 1, " file all destination connect keep-free " },
	{ "list", gr_libvirt_list, 0, 0, " connect keep-free " },
	{ "attach-memory", gr_libvirt_attach_memory, 2, 2, " dry-run connect keep-free " },
	{ "import", gr_libvirt_import, 0, 0, " " },
	{ "install-hook", gr_libvirt_install_hook, 0, 0, " dry-run connect " },
	{ "remove-hook", gr_libvirt_remove_hook, 0, 0, " dry-run " },
};

static int check(struct gr_cli *cli, const struct gr_args *args, const struct verb *verb)
{
	size_t words = args->word_count - 1;

	for (size_t i = 0; i < args->given_count; i++) {
		char name[40];

		snprintf(name, sizeof(name), " %s ", args->given[i].option->name);
		if (!strstr(verb->options, name))
			return gr_cli_usage(cli, "libvirt %s takes no --%s", verb->name,
					    args->given[i].option->name);
	}
	if (words < verb->words_min || words > verb->words_max)
		return gr_cli_usage(cli, "libvirt %s takes %zu word%s behind it, not %zu",
				    verb->name, verb->words_max, gr_plural(verb->words_max), words);
	return 0;
}

static void out_of_time(int number)
{
	static const char words[] = "guestram: libvirt does not answer within two minutes\n"
				    "hint: a daemon that hangs may be waiting for a hook\n";

	if (write(STDERR_FILENO, words, sizeof(words) - 1) < 0)
		_exit(GR_CLASS_SYSTEM);
	_exit(GR_CLASS_HOST);
}

static int run(struct gr_cli *cli, const struct gr_args *args)
{
	struct gr_nearest nearest = { .word = args->word_count ? args->words[0] : "" };
	int r;

	if (!args->word_count)
		return gr_cli_usage(cli, "what is to be done with libvirt?");
	for (size_t i = 0; i < GR_ARRAY_SIZE(verbs); i++) {
		gr_nearest_try(&nearest, verbs[i].name);
		if (strcmp(verbs[i].name, args->words[0]) != 0)
			continue;
		r = check(cli, args, &verbs[i]);
		if (r < 0)
			return r;
		signal(SIGALRM, out_of_time);
		alarm(LIBVIRT_SECONDS);
		return verbs[i].run(cli, args);
	}
	r = gr_cli_usage(cli, "libvirt has no verb '%.64s'", args->words[0]);
	if (nearest.best)
		gr_error_hint(&cli->err, "did you mean `guestram libvirt %s`?", nearest.best);
	return r;
}

static const struct gr_command command = GR_LIBVIRT_COMMAND(run);

int main(int argc, char **argv)
{
	static const struct gr_command *const commands[] = { &command };
	static const struct gr_program program = { commands, 1 };

	return gr_program_main(&program, argc, argv);
}
