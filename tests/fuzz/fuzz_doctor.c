// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What users hand to the doctor. The first byte chooses: 'l' a log, 'w' a command line as text, 'c'
 * a qemu.conf, 'm' a line against every pattern. Seeds: corpus/doctor.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "doctor/evidence.h"
#include "doctor/log.h"
#include "doctor/words.h"
#include "guest/argv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const char *line)
{
	if (strlen(line) > GR_LOG_TEXT_MAX)
		abort();
	for (; *line; line++) {
		if ((*line < 0x20 && *line != '\t') || *line >= 0x7f)
			abort();
	}
}

static void read_log(const char *text, size_t len)
{
	_cleanup_log_ struct gr_log log = { 0 };

	if (gr_log_read(text, len, &log) < 0)
		return;
	if (log.hit_count > GR_LOG_LINES_MAX || log.other_count > GR_LOG_LINES_MAX)
		abort();
	for (size_t i = 0; i < log.hit_count; i++) {
		check_line(log.hits[i].line);
		if (!gr_message_matches(log.hits[i].message, log.hits[i].body, NULL))
			abort();
	}
	for (size_t i = 0; i < log.other_count; i++)
		check_line(log.others[i].line);
}

static void split(const char *text, size_t len)
{
	size_t count, counted = 0;
	char **words;

	if (gr_words_split(text, len, &words, &count) < 0)
		return;
	while (words[counted])
		counted++;
	if (counted != count || gr_words_program(words, count) > count)
		abort();
	gr_argv_free(words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = size ? malloc(size) : NULL;
	struct gr_qemu_conf conf = { 0 };
	const struct gr_message *message;
	struct gr_match match;

	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (data[0] == 'l')
		read_log(text, size - 1);
	else if (data[0] == 'w')
		split(text, size - 1);
	else if (data[0] == 'c' && gr_qemu_conf_parse(text, &conf) == 0)
		gr_qemu_conf_done(&conf);
	for (size_t i = 0; data[0] == 'm' && (message = gr_message_at(i)); i++) {
		if (gr_message_matches(message, text, &match) &&
		    (match.number_count > GR_PATTERN_VALUES ||
		     match.word_count > GR_PATTERN_VALUES))
			abort();
	}
	return 0;
}
