// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * /proc/self/mountinfo, parsed by hand: libmount looks at the running host when it meets
 * /dev/root, which a capture must not, and costs more time to load than the whole verb takes.
 * Lines may be of any length (an overlay with many layers writes 9 KiB). Strings stay in the text
 * they came from, octal escapes undone in place.
 */
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "host/read.h"

/* \040 and its like; anything else behind a backslash stays as it is. */
static void unescape(char *text)
{
	char *out = text;

	while (*text) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' &&
		    text[2] <= '7' && text[3] >= '0' && text[3] <= '7' &&
		    (text[1] != '0' || text[2] != '0' || text[3] != '0')) {
			*out++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 |
					(text[3] - '0'));
			text += 4;
		} else {
			*out++ = *text++;
		}
	}
	*out = '\0';
}

/*
 * 36 35 98:0 /root /path rw,noatime master:1 - ext4 source rw,errors=continue
 * where any number of optional fields stands before the dash.
 */
static bool parse_line(char *line, struct gr_mountinfo *ret)
{
	struct gr_mountinfo mount = { 0 };
	char *id = gr_next_word(&line), *parent = gr_next_word(&line), *word;

	if (!id || !parent || gr_parse_u64(id, &mount.id) < 0 ||
	    gr_parse_u64(parent, &mount.parent) < 0 || !gr_next_word(&line))
		return false;
	mount.root = gr_next_word(&line);
	mount.path = gr_next_word(&line);
	mount.options = gr_next_word(&line);
	do
		word = gr_next_word(&line);
	while (word && strcmp(word, "-") != 0);
	mount.type = gr_next_word(&line);
	/* The kernel writes an empty source as nothing between two blanks. */
	word = gr_next_word(&line);
	mount.super_options = gr_next_word(&line);
	if (!mount.super_options)
		mount.super_options = word;
	if (!mount.root || !mount.path || !mount.options || !mount.type || !mount.super_options)
		return false;
	unescape(mount.root);
	unescape(mount.path);
	*ret = mount;
	return true;
}

int gr_mountinfo_parse(char *text, struct gr_mountinfo **ret, size_t *ret_count)
{
	_cleanup_free_ struct gr_mountinfo *mounts = NULL;
	size_t count = 0;
	int skipped = 0;
	char *line;

	while ((line = gr_next_line(&text))) {
		if (gr_grow(&mounts, count, sizeof(*mounts)) < 0)
			return -ENOMEM;
		if (parse_line(line, &mounts[count]))
			count++;
		else
			skipped++;
	}
	*ret = gr_steal_ptr(mounts);
	*ret_count = count;
	return skipped;
}

static bool is_below(const char *path, const char *top)
{
	size_t len = strlen(top);

	return !strncmp(path, top, len) && (path[len] == '/' || (len && top[len - 1] == '/')) &&
	       path[len];
}

/*
 * Is @mount hidden by one stacked upon its root, or by one beside it on a directory that leads to
 * it? @via is the mount below @mount that we came from: it may itself be stacked there.
 */
static bool is_hidden(const struct gr_mountinfo *mounts, size_t count,
		      const struct gr_mountinfo *mount, const struct gr_mountinfo *via)
{
	for (size_t i = 0; i < count; i++) {
		const struct gr_mountinfo *other = &mounts[i];

		if (other == mount || other == via || other->id == mount->id)
			continue;
		/* An initramfs root is its own parent. */
		if (other->id == mount->parent)
			continue;
		if (other->parent == mount->id && !strcmp(other->path, mount->path))
			return true;
		if (other->parent == mount->parent && is_below(mount->path, other->path))
			return true;
	}
	return false;
}

static const struct gr_mountinfo *parent_of(const struct gr_mountinfo *mounts, size_t count,
					    const struct gr_mountinfo *mount)
{
	for (size_t i = 0; i < count; i++) {
		if (mounts[i].id == mount->parent && &mounts[i] != mount)
			return &mounts[i];
	}
	return NULL;
}

bool gr_mountinfo_visible(const struct gr_mountinfo *mounts, size_t count, size_t which)
{
	const struct gr_mountinfo *mount = &mounts[which], *via = NULL;

	/* Mounts nest less deep than there are mounts: a loop in the ids ends, too. */
	for (size_t depth = 0; mount && depth <= count; depth++) {
		if (is_hidden(mounts, count, mount, via))
			return false;
		via = mount;
		mount = parent_of(mounts, count, mount);
	}
	return true;
}

bool gr_mount_option(const char *options, const char *name, char *ret_value, size_t value_size)
{
	size_t len = strlen(name);

	while (*options) {
		size_t n = strcspn(options, ",");

		if (n >= len && !strncmp(options, name, len) && (n == len || options[len] == '=')) {
			if (ret_value)
				snprintf(ret_value, value_size, "%.*s",
					 n == len ? 0 : (int)(n - len - 1),
					 n == len ? "" : options + len + 1);
			return true;
		}
		options += n + (options[n] == ',');
	}
	return false;
}
