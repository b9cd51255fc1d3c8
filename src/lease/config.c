// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reading the file; what its keys mean is in config_keys.c. libinih gets the text line by line from
 * us, so that we know the line of every mistake, whatever the library was built with: it does not
 * tell a handler, cuts long lines in two, and takes an indented line for the end of the one above.
 * The first mistake is the answer; a key that nobody knows is one, since a limit that is spelled
 * wrong must not mean no limit.
 */
#include "lease/config.h"

#include <ini.h>
#include <stdarg.h>
#include <string.h>

#include "base/nearest.h"
#include "base/util.h"
#include "lease/config_keys.h"

struct reading {
	const char *file, *next; /* of the text */
	unsigned int line;
	unsigned int error_line; /* where the first mistake is; 0: none so far */
	unsigned int set_in_line[GR_CONFIG_KEY_COUNT];
	struct gr_config config;
	struct gr_error err;
};

static __attribute__((format(printf, 2, 3))) void refuse(struct reading *reading, const char *fmt,
							 ...)
{
	char text[256];
	va_list ap;

	if (reading->error_line)
		return;
	reading->error_line = reading->line;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	gr_error_set(&reading->err, GR_CLASS_USAGE, EINVAL, "%s:%u: %s", reading->file,
		     reading->line, text);
}

static bool is_section(const char *name)
{
	bool found = false;

	for (size_t i = 0; i < GR_CONFIG_KEY_COUNT; i++)
		found |= !strcmp(gr_config_keys[i].section, name);
	return found;
}

static void refuse_section(struct reading *reading, const char *name)
{
	struct gr_nearest nearest = { .word = name };

	if (reading->error_line)
		return;
	refuse(reading, "there is no section [%.64s]", name);
	for (size_t i = 0; i < GR_CONFIG_KEY_COUNT; i++)
		gr_nearest_try(&nearest, gr_config_keys[i].section);
	if (nearest.best)
		gr_error_hint(&reading->err, "did you mean [%s]? guestram.conf(5) describes them",
			      nearest.best);
	else
		gr_error_hint(&reading->err, "guestram.conf(5) describes them");
}

/* A key that does not stand in this section: it may belong into another, or be spelled wrong. */
static void refuse_key(struct reading *reading, const char *section, const char *name)
{
	struct gr_nearest nearest = { .word = name };

	if (!*section)
		refuse(reading, "'%.64s' stands before any [section]", name);
	else
		refuse(reading, "[%.64s] has no key '%.64s'", section, name);
	for (size_t i = 0; i < GR_CONFIG_KEY_COUNT; i++) {
		const struct gr_config_key *key = &gr_config_keys[i];

		if (!strcmp(key->name, name)) {
			gr_error_hint(&reading->err, "it belongs to [%s]", key->section);
			return;
		}
		if (!strcmp(key->section, section) || !*section)
			gr_nearest_try(&nearest, key->name);
	}
	if (nearest.best)
		gr_error_hint(&reading->err, "did you mean '%s'? guestram.conf(5) describes the keys",
			      nearest.best);
	else
		gr_error_hint(&reading->err, "guestram.conf(5) describes the keys");
}

static void take_value(struct reading *reading, const struct gr_config_key *key, const char *value)
{
	unsigned int *set_in_line = &reading->set_in_line[key - gr_config_keys];

	if (*set_in_line) {
		refuse(reading, "%s is set already in line %u", key->name, *set_in_line);
		return;
	}
	*set_in_line = reading->line;
	if (key->set(&reading->config, value, &reading->err) >= 0)
		return;
	reading->error_line = reading->line;
	gr_error_prefix(&reading->err, "%s:%u: %s: ", reading->file, reading->line, key->name);
}

/* As libinih wants it: 0 is a mistake. */
static int take_key(void *data, const char *section, const char *name, const char *value)
{
	struct reading *reading = data;

	for (size_t i = 0; i < GR_CONFIG_KEY_COUNT && !reading->error_line; i++) {
		const struct gr_config_key *key = &gr_config_keys[i];

		if (strcmp(key->section, section) || strcmp(key->name, name))
			continue;
		take_value(reading, key, value ? value : "");
		return !reading->error_line;
	}
	if (!reading->error_line && *section && !is_section(section))
		refuse_section(reading, section);
	else if (!reading->error_line)
		refuse_key(reading, section, name);
	return 0;
}

/* The next line as fgets() gives it, without the blanks in front. */
static char *next_line(char *buf, int size, void *data)
{
	struct reading *reading = data;
	const char *start = reading->next + strspn(reading->next, " \t");
	size_t n = strcspn(start, "\n");
	char *end;

	if (!*reading->next)
		return NULL;
	reading->line++;
	reading->next = start + n + (start[n] == '\n');
	if (*start == '#' || *start == ';') {
		n = 0;
	} else if (n > (size_t)size - 2) {
		refuse(reading, "a line of more than %d letters", size - 2);
		n = 0;
	}
	memcpy(buf, start, n);
	memcpy(buf + n, "\n", 2);
	/* A section without keys never gets to take_key(). */
	end = buf[0] == '[' ? strchr(buf, ']') : NULL;
	if (end) {
		*end = '\0';
		if (!is_section(buf + 1))
			refuse_section(reading, buf + 1);
		*end = ']';
	}
	return buf;
}

int gr_config_parse(const char *text, const char *file, struct gr_config *ret,
		    struct gr_error *err)
{
	struct reading reading = { .file = file, .next = text };
	int line = ini_parse_stream(next_line, &reading, take_key, &reading);

	if (line < 0)
		return gr_error_nomem(err);
	if (line > 0 && (!reading.error_line || (unsigned int)line < reading.error_line)) {
		reading.error_line = 0;
		reading.line = (unsigned int)line;
		refuse(&reading, "neither [section] nor key = value");
		gr_error_hint(&reading.err, "comments begin with # or ;");
	}
	if (reading.error_line) {
		if (err)
			*err = reading.err;
		return -reading.err.errnum;
	}
	*ret = reading.config;
	return 0;
}

int gr_config_read(const struct gr_root *root, struct gr_config *ret, struct gr_error *err)
{
	_cleanup_free_ char *text = NULL;
	struct gr_error read_err = { 0 };
	char path[512];
	size_t len;
	int r = gr_root_read_settings(root, GR_CONFIG_PATH, &text, &len, &read_err);

	if (r == -ENOENT) {
		*ret = (struct gr_config){ 0 };
		return 0;
	}
	if (r < 0) {
		if (r == -EACCES)
			gr_error_hint(&read_err, "settings that cannot be read are not passed "
						 "over; its mode should be 0644");
		if (err)
			*err = read_err;
		return r;
	}
	gr_root_path(root, GR_CONFIG_PATH, path, sizeof(path));
	if (strlen(text) != len)
		return gr_error_set(err, GR_CLASS_USAGE, EINVAL, "%s: there is a NUL byte in it",
				    path);
	return gr_config_parse(text, path, ret, err);
}
