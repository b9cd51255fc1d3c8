// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Copying, freeing and quoting of command lines. Quoting never trusts a byte: only characters that
 * no shell gives a meaning stay bare.
 */
#include "guest/argv.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

void gr_argv_free(char **argv)
{
	for (size_t i = 0; argv && argv[i]; i++)
		free(argv[i]);
	free(argv);
}

int gr_argv_count(char *const *argv, size_t *ret, struct gr_error *err)
{
	size_t count = 0;

	while (count <= GR_ARGV_MAX && argv[count])
		count++;
	if (count == 0)
		return gr_error_set(err, GR_CLASS_USAGE, EINVAL, "the VMM's command line is empty");
	if (count > GR_ARGV_MAX)
		return gr_error_set(err, GR_CLASS_USAGE, E2BIG,
				    "a command line of more than %d words", GR_ARGV_MAX);
	if (ret)
		*ret = count;
	return 0;
}

const char *gr_argv_base(const char *program)
{
	const char *slash = strrchr(program, '/');

	return slash ? slash + 1 : program;
}

int gr_argv_copy(char *const *argv, char ***ret)
{
	_cleanup_argv_ char **copy = NULL;
	size_t count = 0;

	while (argv[count])
		count++;
	copy = calloc(count + 1, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		copy[i] = strdup(argv[i]);
		if (!copy[i])
			return -ENOMEM;
	}
	*ret = gr_steal_ptr(copy);
	return 0;
}

static void print_escaped(FILE *out, const char *word)
{
	fputs("$'", out);
	for (const unsigned char *p = (const unsigned char *)word; *p; p++) {
		if (*p == '\'' || *p == '\\')
			fprintf(out, "\\%c", *p);
		else if (*p < 0x20 || *p >= 0x7f)
			fprintf(out, "\\%03o", *p);
		else
			fputc(*p, out);
	}
	fputc('\'', out);
}

static void print_word(FILE *out, const char *word, const char *bare)
{
	const unsigned char *p = (const unsigned char *)word;

	if (*word && word[strspn(word, bare)] == '\0') {
		fputs(word, out);
		return;
	}
	while (*p >= 0x20 && *p < 0x7f)
		p++;
	if (*p) {
		print_escaped(out, word);
		return;
	}
	fputc('\'', out);
	for (; *word; word++) {
		if (*word == '\'')
			fputs("'\\''", out);
		else
			fputc(*word, out);
	}
	fputc('\'', out);
}

int gr_argv_print(char *const *argv, char **ret_text)
{
	/* In the first word "=" would make an assignment, so there it is not harmless. */
	static const char bare[] = "=abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "_@%+:,./-";
	_cleanup_free_ char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	bool lost;

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; argv[i]; i++) {
		if (i)
			fputc(' ', out);
		print_word(out, argv[i], i ? bare : bare + 1);
	}
	lost = ferror(out);
	if (fclose(out) != 0 || lost)
		return -ENOMEM;
	*ret_text = gr_steal_ptr(text);
	return 0;
}
