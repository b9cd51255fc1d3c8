// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The frame of a program: finds the verb, has its options parsed, opens the root, runs it, and is
 * the only place that prints an error, once: the phrase, then the hint on its own line.
 */
#include "cli/program.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/nearest.h"
#include "base/util.h"
#include "cli/options.h"

static void print_help(const struct gr_program *program, FILE *out)
{
	fputs("Usage: guestram VERB [options]\n\n"
	      "Give a virtual machine the memory backing it should have, prove that it got it,\n"
	      "and give the memory back.\n\n",
	      out);
	for (size_t i = 0; i < program->count; i++)
		fprintf(out, "  %-10s %s\n", program->commands[i]->name,
			program->commands[i]->summary);
	fputs("\nEvery verb takes --json, --root DIR and --help. See guestram(1).\n"
	      "First steps: guestram host; guestram plan -m 8G; guestram run -m 1G\n",
	      out);
}

static const struct gr_command *find_command(const struct gr_program *program, const char *name)
{
	for (size_t i = 0; i < program->count; i++) {
		if (!strcmp(program->commands[i]->name, name))
			return program->commands[i];
	}
	return NULL;
}

static void refuse_verb(const struct gr_program *program, const char *name, struct gr_error *err)
{
	struct gr_nearest nearest = { .word = name };

	for (size_t i = 0; i < program->count; i++)
		gr_nearest_try(&nearest, program->commands[i]->name);
	gr_error_set(err, GR_CLASS_USAGE, EINVAL, "there is no verb '%.64s'", name);
	if (nearest.best)
		gr_error_hint(err, "did you mean `guestram %s`? `guestram --help` lists the verbs",
			      nearest.best);
	else
		gr_error_hint(err, "`guestram --help` lists the verbs");
}

static int fail(const struct gr_error *err, const char *verb)
{
	fprintf(stderr, "guestram: %s\n", err->message);
	if (err->hint[0])
		fprintf(stderr, "hint: %s\n", err->hint);
	else if (err->class == GR_CLASS_USAGE && verb)
		fprintf(stderr, "hint: `guestram %s --help` shows how it is used\n", verb);
	return err->class ? (int)err->class : GR_CLASS_SYSTEM;
}

/* Started with closed fds, a pool file could become standard error: fill the gaps. */
static void open_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

int gr_program_main(const struct gr_program *program, int argc, char **argv)
{
	const struct gr_command *command;
	struct gr_cli cli = { .mode = GR_MODE_TABLE };
	struct gr_args args = { 0 };
	int r;

	/* A reader that goes away (| head) must not kill us with pages taken, and a caller that
	 * ignores SIGCHLD must not take the VMM's exit status from us. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	open_standard_fds();
	if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help")) {
		print_help(program, argc < 2 ? stderr : stdout);
		return argc < 2 ? GR_CLASS_USAGE : 0;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("guestram " GR_VERSION);
		return 0;
	}
	command = find_command(program, argv[1]);
	if (!command) {
		refuse_verb(program, argv[1], &cli.err);
		return fail(&cli.err, NULL);
	}
	args.all = argv + 1;
	r = gr_args_parse(command, argc - 2, argv + 2, &cli, &args);
	if (r == GR_ARGS_HELP) {
		gr_args_help(command, stdout);
		r = 0;
	} else if (r >= 0) {
		r = gr_root_open(cli.root_dir, &cli.root, &cli.err);
		if (r >= 0)
			r = command->run(&cli, &args);
	}
	gr_args_done(&args);
	gr_root_close(cli.root);
	if (r < 0)
		return fail(&cli.err, command->name);
	/* The status of a VMM, or a "no", tells more than a reader who went away. */
	if (r == 0 && (fflush(stdout) || ferror(stdout))) {
		gr_error_set(&cli.err, GR_CLASS_SYSTEM, EIO,
			     "standard output could not be written");
		return fail(&cli.err, NULL);
	}
	return r;
}
