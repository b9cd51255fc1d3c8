// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Command lines: the first byte picks the verb, the rest are words cut at NUL bytes. Parsing, the
 * help text and the request made of the options must end in an answer or a refusal with words.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "cli/options.h"

#define WORDS_MAX 64

static const struct gr_command *const commands[] = {
	&gr_cmd_host,	 &gr_cmd_plan,	  &gr_cmd_reserve, &gr_cmd_release,
	&gr_cmd_list,	 &gr_cmd_recover, &gr_cmd_run,	   &gr_cmd_inspect,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gr_request request = { 0 };
	const struct gr_command *command;
	struct gr_args args = { 0 };
	char *words[WORDS_MAX + 1], *text;
	struct gr_cli cli = { 0 };
	int count = 0, r;

	if (!size)
		return 0;
	command = commands[data[0] % GR_ARRAY_SIZE(commands)];
	text = malloc(size);
	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	for (size_t i = 0; i < size - 1 && count < WORDS_MAX; i += strlen(text + i) + 1)
		words[count++] = text + i;
	words[count] = NULL;
	r = gr_args_parse(command, count, words, &cli, &args);
	if (r < 0 && (!cli.err.message[0] || cli.err.class != GR_CLASS_USAGE))
		abort();
	if (r == 0 && gr_cli_request(&cli, &args, &request) < 0 && !cli.err.message[0])
		abort();
	gr_request_done(&request);
	gr_args_done(&args);
	free(text);
	return 0;
}
