// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Parsing by table, through getopt_long, so that --size=1 and --size 1, -m8G and -m 8G, and
 * unambiguous beginnings work as everywhere. Words may stand between options.
 */
#include "cli/options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/util.h"

static const struct gr_option common_options[] = {
	{ "json", 0, NULL, "one JSON document on standard output" },
	{ "root", 0, "DIR", "read DIR/proc, DIR/sys ... instead of the host's" },
	{ "help", 'h', NULL, "this text" },
};

const char *gr_arg_nth(const struct gr_args *args, const char *name, size_t n)
{
	for (size_t i = 0; i < args->given_count; i++) {
		if (!strcmp(args->given[i].option->name, name) && n-- == 0)
			return args->given[i].value;
	}
	return NULL;
}

const char *gr_arg(const struct gr_args *args, const char *name)
{
	const char *value = NULL;

	for (size_t i = 0; i < args->given_count; i++) {
		if (!strcmp(args->given[i].option->name, name))
			value = args->given[i].value;
	}
	return value;
}

int gr_cli_usage(struct gr_cli *cli, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return gr_error_set(&cli->err, GR_CLASS_USAGE, EINVAL, "%s", text);
}

int gr_cli_print(struct gr_cli *cli, json_object *doc, const struct gr_section *sections,
		 size_t count)
{
	return gr_rec_print(stdout, cli->mode, doc, sections, count, &cli->err);
}

/* The option at @index of the command's table followed by the common ones, or NULL. */
static const struct gr_option *option_at(const struct gr_command *command, size_t index)
{
	if (index < command->option_count)
		return &command->options[index];
	index -= command->option_count;
	return index < GR_ARRAY_SIZE(common_options) ? &common_options[index] : NULL;
}

static int refuse(const struct gr_command *command, struct gr_cli *cli, const char *what,
		  const char *word)
{
	int r = gr_cli_usage(cli, "%s '%.64s'", what, word);

	gr_error_hint(&cli->err, "`guestram %s --help` lists the options%s", command->name,
		      command->takes_rest ? "; a VMM's command line follows after --" : "");
	return r;
}

/* The same for an option that there is not, with the one that may have been meant. */
static int refuse_option(const struct gr_command *command, struct gr_cli *cli, const char *word)
{
	_cleanup_free_ char *name = strndup(word, strcspn(word, "="));
	struct gr_nearest nearest = { .word = name };
	const struct gr_option *option;
	char usual[sizeof(cli->err.hint)];
	int r = refuse(command, cli, "there is no option", word);

	if (!name)
		return gr_error_nomem(&cli->err);
	nearest.word += strspn(name, "-");
	for (size_t i = 0; (option = option_at(command, i)); i++)
		gr_nearest_try(&nearest, option->name);
	if (nearest.best) {
		memcpy(usual, cli->err.hint, sizeof(usual));
		gr_error_hint(&cli->err, "did you mean --%s? %s", nearest.best, usual);
	}
	return r;
}

static int take_option(const struct gr_option *option, const char *value, struct gr_cli *cli,
		       struct gr_args *args)
{
	if (option == &common_options[0]) {
		cli->mode = GR_MODE_JSON;
		return 0;
	}
	if (option == &common_options[1]) {
		cli->root_dir = value;
		return 0;
	}
	if (option == &common_options[2])
		return GR_ARGS_HELP;
	if (gr_grow(&args->given, args->given_count, sizeof(*args->given)) < 0)
		return gr_error_nomem(&cli->err);
	args->given[args->given_count].option = option;
	args->given[args->given_count++].value = value ? value : "";
	return 0;
}

/* The two forms of getopt's table, made from ours; val is the index + 256. */
static void make_tables(const struct gr_command *command, struct option *longs, char *shorts)
{
	const struct gr_option *option;

	*shorts++ = '-';
	*shorts++ = ':';
	for (size_t i = 0; (option = option_at(command, i)); i++) {
		longs[i] = (struct option){
			.name = option->name,
			.has_arg = option->arg ? required_argument : no_argument,
			.val = (int)i + 256,
		};
		if (option->letter) {
			*shorts++ = option->letter;
			if (option->arg)
				*shorts++ = ':';
		}
	}
	*shorts = '\0';
}

static const struct gr_option *find_letter(const struct gr_command *command, int letter)
{
	const struct gr_option *option;

	for (size_t i = 0; (option = option_at(command, i)); i++) {
		if (option->letter == letter)
			return option;
	}
	return NULL;
}

static int take_word(char *word, struct gr_cli *cli, struct gr_args *args)
{
	if (gr_grow(&args->words, args->word_count, sizeof(*args->words)) < 0)
		return gr_error_nomem(&cli->err);
	args->words[args->word_count++] = word;
	return 0;
}

/* Everything up to "--"; @argv[0] stands for the program, as getopt wants it. */
static int parse_own(const struct gr_command *command, int argc, char **argv, struct gr_cli *cli,
		     struct gr_args *args)
{
	size_t n = command->option_count + GR_ARRAY_SIZE(common_options);
	_cleanup_free_ struct option *longs = calloc(n + 1, sizeof(*longs));
	_cleanup_free_ char *shorts = calloc(n + 2, 2);
	int letter, r = 0;

	if (!longs || !shorts)
		return gr_error_nomem(&cli->err);
	make_tables(command, longs, shorts);
	optind = 0; /* glibc: start afresh */
	while ((letter = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		const struct gr_option *option;

		if (letter == '?' && optopt > 0 && optopt < 256) {
			const char word[] = { '-', (char)optopt, '\0' };

			return refuse(command, cli, "there is no option", word);
		}
		if (letter == '?')
			return refuse_option(command, cli, argv[optind - 1]);
		if (letter == ':')
			return refuse(command, cli, "a value is missing after", argv[optind - 1]);
		if (letter == 1) {
			r = take_word(optarg, cli, args);
		} else {
			option = letter >= 256 ? option_at(command, (size_t)letter - 256) :
						 find_letter(command, letter);
			r = take_option(option, optarg, cli, args);
		}
		if (r != 0)
			return r;
	}
	for (int i = optind; i < argc && r == 0; i++)
		r = take_word(argv[i], cli, args);
	return r;
}

int gr_args_parse(const struct gr_command *command, int argc, char **argv, struct gr_cli *cli,
		  struct gr_args *ret)
{
	int own = 0, r;
	_cleanup_free_ char **copy = calloc((size_t)argc + 2, sizeof(*copy));

	if (!copy)
		return gr_error_nomem(&cli->err);
	ret->options = command->options;
	ret->option_count = command->option_count;
	copy[0] = (char *)command->name;
	while (own < argc && strcmp(argv[own], "--")) {
		copy[own + 1] = argv[own];
		own++;
	}
	if (own < argc)
		ret->rest = argv + own + 1;
	r = parse_own(command, own + 1, copy, cli, ret);
	if (r != 0)
		return r;
	if (ret->rest && !command->takes_rest)
		return refuse(command, cli, "nothing may follow", "--");
	return 0;
}

#define HELP_COLUMN 25
#define HELP_WIDTH 80

/* The words of a help text, further lines below the first. */
static void print_help_text(FILE *out, const char *text)
{
	size_t column = HELP_COLUMN;

	while (*text) {
		size_t n = strcspn(text, " ");

		if (column + n > HELP_WIDTH) {
			fprintf(out, "\n%*s", HELP_COLUMN, "");
			column = HELP_COLUMN;
		}
		fprintf(out, "%.*s%s", (int)n, text, text[n] ? " " : "");
		column += n + 1;
		text += n + (text[n] == ' ');
	}
	fputc('\n', out);
}

void gr_args_help(const struct gr_command *command, FILE *out)
{
	const struct gr_option *option;

	fprintf(out, "Usage: guestram %s %s\n\n%s.\n", command->name, command->synopsis,
		command->summary);
	if (command->about)
		fprintf(out, "\n%s\n", command->about);
	fputs("\nOptions:\n", out);
	for (size_t i = 0; (option = option_at(command, i)); i++) {
		char left[40];

		snprintf(left, sizeof(left), "--%s%s%s", option->name, option->arg ? " " : "",
			 option->arg ? option->arg : "");
		if (option->letter)
			fprintf(out, "  -%c, %-18s ", option->letter, left);
		else
			fprintf(out, "      %-18s ", left);
		print_help_text(out, option->help);
	}
}

void gr_args_done(struct gr_args *args)
{
	free(args->given);
	free(args->words);
	*args = (struct gr_args){ 0 };
}
