// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Messages are looked for anywhere in a line, so that time stamps, names of daemons and what
 * libvirt wraps around QEMU's words need no parser. Of a message that comes again only the last is
 * kept: libvirt repeats what QEMU said. A log that marks starts is read from the last mark on.
 */
#include "doctor/log.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

/* What libvirt writes before each start. */
static bool is_start(const char *line)
{
	return gr_pattern_match(": starting up libvirt version", line, NULL) ||
	       gr_pattern_match(": starting up", line, NULL);
}

/* Bytes that a terminal would act on become '?'; so does what is no ASCII. A carriage return ends a
 * line, alone or before a newline. */
static void clean(char *text, size_t len)
{
	char *out = text;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '\r' && i + 1 < len && text[i + 1] == '\n')
			continue;
		if (c == '\r')
			c = '\n';
		else if (c != '\n' && c != '\t' && (c < 0x20 || c >= 0x7f))
			c = '?';
		*out++ = (char)c;
	}
	*out = '\0';
}

/* The end of the log, from the first whole line on. */
static char *take_end(const char *text, size_t len, bool *ret_cut)
{
	char *copy;

	*ret_cut = len > GR_LOG_MAX;
	if (*ret_cut) {
		const char *from = text + len - GR_LOG_MAX, *line;

		line = memchr(from, '\n', GR_LOG_MAX);
		from = line ? line + 1 : from;
		len -= (size_t)(from - text);
		text = from;
	}
	copy = malloc(len + 1);
	if (!copy)
		return NULL;
	memcpy(copy, text, len);
	clean(copy, len);
	return copy;
}

/* The line behind the last mark of a start; @text where there is none. */
static char *find_start(char *text, bool *ret_started)
{
	char *start = text, *line = text;

	while (*line) {
		size_t len = strcspn(line, "\n");
		char *next = line + len + (line[len] == '\n'), keep = line[len];

		line[len] = '\0';
		if (is_start(line)) {
			start = next;
			*ret_started = true;
		}
		line[len] = keep;
		line = next;
	}
	return start;
}

static char *shown(const char *line)
{
	size_t len = strlen(line);

	while (len && (line[len - 1] == ' ' || line[len - 1] == '\t'))
		len--;
	line += strspn(line, " \t");
	len = strnlen(line, len);
	return strndup(line, gr_min_u64(len, GR_LOG_TEXT_MAX));
}

static int keep_hit(struct gr_log *log, const struct gr_message *message, const char *line)
{
	struct gr_log_hit hit = { .message = message };

	for (size_t i = 0; i < log->hit_count; i++) {
		if (log->hits[i].message != message && log->hit_count < GR_LOG_LINES_MAX)
			continue;
		free(log->hits[i].line);
		free(log->hits[i].body);
		memmove(&log->hits[i], &log->hits[i + 1],
			(log->hit_count - i - 1) * sizeof(*log->hits));
		log->hit_count--;
		break;
	}
	hit.line = shown(line);
	hit.body = strdup(line);
	if (!hit.line || !hit.body || gr_grow(&log->hits, log->hit_count, sizeof(*log->hits)) < 0) {
		free(hit.line);
		free(hit.body);
		return -ENOMEM;
	}
	gr_message_matches(message, hit.body, &hit.match);
	log->hits[log->hit_count++] = hit;
	return 0;
}

static int keep_other(struct gr_log *log, const char *line, const char *why, bool known)
{
	char *copy = shown(line);

	if (!copy)
		return -ENOMEM;
	if (log->other_count == GR_LOG_LINES_MAX) {
		free(log->others[0].line);
		memmove(log->others, log->others + 1,
			(GR_LOG_LINES_MAX - 1) * sizeof(*log->others));
		log->other_count--;
	} else if (gr_grow(&log->others, log->other_count, sizeof(*log->others)) < 0) {
		free(copy);
		return -ENOMEM;
	}
	log->others[log->other_count++] = (struct gr_log_other){ copy, why, known };
	return 0;
}

static int take_line(struct gr_log *log, const char *line)
{
	const struct gr_message *message;
	const char *why = gr_harmless(line);

	if (why)
		return keep_other(log, line, why, true);
	message = gr_message_find(line);
	if (message)
		return keep_hit(log, message, line);
	if (gr_looks_like_error(line))
		return keep_other(log, line, "no message about guest memory that is known here",
				  false);
	return 0;
}

/* Libvirt writes a command as lines that end in a backslash, and one last line without. */
static char *take_command(char *text, char **ret_command)
{
	char *end = text;

	if (strncmp(text, "LC_ALL=", 7) != 0 && text[0] != '/')
		return text;
	for (;;) {
		size_t len = strcspn(end, "\n");
		bool more = len && end[len - 1] == '\\';

		end += len;
		if (!more || !*end)
			break;
		end++;
	}
	*ret_command = strndup(text, (size_t)(end - text));
	return *end ? end + 1 : end;
}

int gr_log_read(const char *text, size_t len, struct gr_log *ret)
{
	struct gr_log log = { 0 };
	_cleanup_free_ char *copy = take_end(text, len, &log.cut);
	char *cursor, *line;
	int r = copy ? 0 : -ENOMEM;

	if (r < 0)
		return r;
	cursor = find_start(copy, &log.started);
	if (log.started)
		cursor = take_command(cursor, &log.command);
	while (r >= 0 && (line = gr_next_line(&cursor)))
		r = take_line(&log, line);
	if (r < 0) {
		gr_log_done(&log);
		return r;
	}
	*ret = log;
	return 0;
}

void gr_log_done(struct gr_log *log)
{
	for (size_t i = 0; i < log->hit_count; i++) {
		free(log->hits[i].line);
		free(log->hits[i].body);
	}
	for (size_t i = 0; i < log->other_count; i++)
		free(log->others[i].line);
	free(log->hits);
	free(log->others);
	free(log->command);
	*log = (struct gr_log){ 0 };
}
