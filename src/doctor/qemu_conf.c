// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The few keys of libvirt's qemu.conf that decide where guest memory may lie: KEY = "text", or a
 * list in brackets that may go over lines. Comments begin with '#' outside of quotes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "doctor/evidence.h"

static int take_string(const char **cursor, char **ret)
{
	char quote = **cursor;
	const char *end = strchr(*cursor + 1, quote);

	if (!end || memchr(*cursor, '\n', (size_t)(end - *cursor)))
		return -EBADMSG;
	*ret = strndup(*cursor + 1, (size_t)(end - *cursor - 1));
	*cursor = end + 1;
	return *ret ? 0 : -ENOMEM;
}

static int take_mount(struct gr_qemu_conf *conf, const char **cursor)
{
	char *path = NULL;
	int r = take_string(cursor, &path);

	if (r < 0)
		return r;
	/* hugetlbfs_mount = "" means: none at all. */
	if (!*path) {
		free(path);
		return 0;
	}
	if (gr_grow(&conf->mounts, conf->mount_count, sizeof(char *)) < 0) {
		free(path);
		return -ENOMEM;
	}
	conf->mounts[conf->mount_count++] = path;
	return 0;
}

static void skip(const char **cursor, const char *blanks)
{
	for (;;) {
		*cursor += strspn(*cursor, blanks);
		if (**cursor != '#')
			return;
		*cursor += strcspn(*cursor, "\n");
	}
}

static int take_mounts(struct gr_qemu_conf *conf, const char *at)
{
	int r = 0;

	conf->has_mounts = true;
	if (*at == '"' || *at == '\'')
		return take_mount(conf, &at);
	if (*at++ != '[')
		return -EBADMSG;
	while (r >= 0) {
		skip(&at, " \t\r\n,");
		if (*at == ']')
			return 0;
		if (*at != '"' && *at != '\'')
			return -EBADMSG;
		r = take_mount(conf, &at);
	}
	return r;
}

static int take_text(char **text, const char *at)
{
	if (*at != '"' && *at != '\'')
		return -EBADMSG;
	free(*text);
	*text = NULL;
	return take_string(&at, text);
}

/* The value behind @key on this line, or NULL. */
static const char *value_of(const char *line, const char *key)
{
	size_t len = strlen(key);

	line += strspn(line, " \t");
	if (strncmp(line, key, len) != 0)
		return NULL;
	line += len;
	line += strspn(line, " \t");
	if (*line++ != '=')
		return NULL;
	return line + strspn(line, " \t");
}

int gr_qemu_conf_parse(const char *text, struct gr_qemu_conf *ret)
{
	struct gr_qemu_conf conf = { 0 };
	int r = 0;

	for (const char *line = text; *line && r >= 0;
	     line += strcspn(line, "\n"), line += *line == '\n') {
		const char *value;

		if ((value = value_of(line, "hugetlbfs_mount")))
			r = take_mounts(&conf, value);
		else if ((value = value_of(line, "user")))
			r = take_text(&conf.user, value);
		else if ((value = value_of(line, "group")))
			r = take_text(&conf.group, value);
	}
	if (r < 0) {
		gr_qemu_conf_done(&conf);
		return r;
	}
	*ret = conf;
	return 0;
}

void gr_qemu_conf_done(struct gr_qemu_conf *conf)
{
	for (size_t i = 0; i < conf->mount_count; i++)
		free(conf->mounts[i]);
	free(conf->mounts);
	free(conf->user);
	free(conf->group);
	*conf = (struct gr_qemu_conf){ 0 };
}
