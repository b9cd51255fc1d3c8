// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What people write: the first byte picks the settings file, a size, a time, or a mistyped word.
 * Refusals have words and leave the result alone; what is accepted keeps its promises.
 * Seeds: corpus/config.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/size.h"
#include "base/util.h"
#include "lease/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool kept)
{
	if (!kept)
		abort();
}

static void try_file(const char *text)
{
	static const struct gr_config nothing;
	struct gr_config config = { .floor.keep_free_bytes = 77 };
	struct gr_error err = { 0 };
	int r = gr_config_parse(text, "FILE", &config, &err);

	must(gr_config_parse(text, "FILE", &(struct gr_config){ 0 }, NULL) == r);
	if (r < 0) {
		must(err.class == GR_CLASS_USAGE && !strncmp(err.message, "FILE:", 5));
		must(config.floor.keep_free_bytes == 77 && config.budget.timeout_ns == 0);
		return;
	}
	must(!err.message[0]);
	must(config.budget.allow < 2 * GR_ALLOW_DEMOTE);
	/* Without an = or a : there is nothing to set. */
	must(strpbrk(text, "=:") || !memcmp(&config, &nothing, sizeof(config)));
}

static void try_number(const char *text, int (*parse)(const char *, uint64_t *, struct gr_error *))
{
	struct gr_error err = { 0 };
	uint64_t value = 77;
	int r = parse(text, &value, &err);

	must(r == 0 || ((r == -EINVAL || r == -ERANGE) && value == 77));
	must(!r == !err.message[0]);
	/* Numbers begin with a digit and go on with one, a point or a unit. */
	must(r < 0 || (text[0] >= '0' && text[0] <= '9'));
}

static int parse_size(const char *text, uint64_t *ret, struct gr_error *err)
{
	return gr_parse_size(text, GR_MIB, ret, err);
}

static void try_size(const char *text)
{
	try_number(text, parse_size);
}

static void try_time(const char *text)
{
	uint64_t ns, again;
	char whole[64];

	try_number(text, gr_parse_duration);
	if (gr_parse_duration(text, &ns, NULL) < 0)
		return;
	snprintf(whole, sizeof(whole), "%lluns", (unsigned long long)ns);
	must(gr_parse_duration(whole, &again, NULL) == 0 && again == ns);
}

static void try_word(const char *text)
{
	static const char *const words[] = { "reserve", "release", "run", "max_cache_lost" };
	struct gr_nearest nearest = { .word = text };

	for (size_t i = 0; i < GR_ARRAY_SIZE(words); i++) {
		size_t distance = gr_edit_distance(text, words[i]);

		gr_nearest_try(&nearest, words[i]);
		must(distance == gr_edit_distance(words[i], text));
		must((distance == 0) == !strcmp(text, words[i]));
	}
	must(!nearest.best || nearest.distance <= strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parsers[])(const char *text) = {
		try_file, try_size, try_time, try_word,
	};
	_cleanup_free_ char *text = NULL;

	if (!size || !(text = malloc(size)))
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	parsers[*data % GR_ARRAY_SIZE(parsers)](text);
	return 0;
}
